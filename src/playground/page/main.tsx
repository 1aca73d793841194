/** The playground: one page, from a model to its pruned one. */
import { render } from 'preact';
import { Compare } from './compare.js';
import { DataStep } from './data.js';
import { Facts } from './facts.js';
import { Method } from './method.js';
import { ModelStep } from './model.js';
import { Outcome } from './outcome.js';
import { Running, resume } from './running.js';
import { ask, begin, busy, crashed, end, model, result, start } from './state.js';

function Head() {
  const { engine } = start.value ?? {};
  return (
    <header>
      <strong>espalier playground</strong>
      <span class="connection" role="status">
        {engine ? `${engine}${crossOriginIsolated ? '' : ' (this page is not isolated)'}` : 'Starting …'}
      </span>
    </header>
  );
}

/** A worker that has ended, or a run that an earlier one left. */
function Rescue() {
  if (crashed.value)
    return (
      <p class="notice" role="alert">
        The worker has ended: {crashed.value}.{' '}
        {start.value?.kept ? 'Nothing is lost: the model, the data and the last checkpoint are kept.' : ''}{' '}
        <button type="button" onClick={() => void goOn()}>
          Go on
        </button>
      </p>
    );
  const { interrupted, kept = true } = start.value ?? {};
  if (!kept)
    return (
      <p class="notice">
        What is done here is lost when the page is closed: another tab has the files of this site, or the browser keeps none.
      </p>
    );
  if (!interrupted || busy.value) return null;
  const { model: name, method, epochs } = interrupted;
  return (
    <p class="notice" role="alert">
      A run was interrupted: {name} by {method}, {epochs} {epochs === 1 ? 'epoch' : 'epochs'} done.{' '}
      <button type="button" onClick={() => void resume()}>
        Resume it
      </button>{' '}
      <button type="button" onClick={() => void discard()}>
        Discard it
      </button>
    </p>
  );
}

/** Starts another worker, which goes on with what the one before was at. */
async function goOn(): Promise<void> {
  await begin();
  if (start.value?.interrupted) await resume();
}

async function discard(): Promise<void> {
  await ask('discard', undefined);
  start.value = { ...start.value!, interrupted: undefined };
}

function Page() {
  return (
    <>
      <Head />
      <main tabIndex={-1}>
        <h1>Prune a network in this page</h1>
        <p>Models, pictures and results stay on this machine: the page sends nothing.</p>
        <Rescue />
        <ModelStep />
        {model.value && <Facts />}
        {model.value && <DataStep />}
        {model.value && <Method />}
        <Running />
        {result.value && <Outcome />}
        {result.value && <Compare />}
      </main>
    </>
  );
}

render(<Page />, document.getElementById('page')!);
begin().catch((error: Error) => end(error.message));
