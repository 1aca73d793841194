/** The page: a head with the views, and the view that the address names. */
import { render } from 'preact';
import { Compare } from './compare.js';
import { Frontier } from './frontier.js';
import { RunList } from './list.js';
import { NewRun } from './new.js';
import { Run } from './run.js';
import { chosen, connect, connection, isLive, notice, route } from './state.js';

const VIEWS = [
  { view: '', title: 'Runs' },
  { view: 'compare', title: 'Compare' },
  { view: 'frontier', title: 'Frontier' },
] as const;

const CONNECTION = { live: 'Live', lost: 'Connecting …', none: 'Saved page' };

function Head() {
  const [view] = route.value;
  return (
    <header>
      <a class="skip" href="#/" onClick={skip}>
        Skip to the content
      </a>
      <strong>espalier</strong>
      <nav aria-label="Views">
        {VIEWS.map((entry) => (
          <a href={`#/${entry.view}`} aria-current={view === entry.view ? 'page' : undefined}>
            {entry.title}
            {entry.view === 'compare' && chosen.value.size > 0 && ` (${chosen.value.size})`}
          </a>
        ))}
      </nav>
      <span class={`connection ${connection.value}`} role="status">
        {CONNECTION[connection.value]}
      </span>
    </header>
  );
}

function skip(event: Event): void {
  event.preventDefault();
  document.querySelector('main')?.focus();
}

function Notice() {
  if (!notice.value) return null;
  return (
    <p class="notice" role="alert">
      {notice.value}{' '}
      <button type="button" onClick={() => (notice.value = '')}>
        Dismiss
      </button>
    </p>
  );
}

function View() {
  const [view, rest] = route.value;
  if (view === 'run') return <Run key={rest} id={rest} />;
  if (view === 'compare') return <Compare />;
  if (view === 'frontier') return <Frontier />;
  if (view === 'new' && isLive) return <NewRun key={rest} like={rest} />;
  return <RunList />;
}

function Page() {
  return (
    <>
      <Head />
      <main tabIndex={-1}>
        <Notice />
        <View />
      </main>
    </>
  );
}

render(<Page />, document.getElementById('page')!);
void connect();
