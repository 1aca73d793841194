/** A run: started, watched, stopped, resumed. */
import { duration, percent } from '../../base/index.js';
import { Chart } from '../../watch/page/index.js';
import { ask, busy, choice, data, during, epochs, model, notes, progress, result, start } from './state.js';
import { Problem } from './problem.js';

/** What can be stopped. */
const RUNS = ['Pruning', 'Resuming'];

/** Carries out what was chosen. */
export const prune = (): Promise<void> => follow('Pruning', () => ask('prune', { ...choice.value, data: data.value.kind }));

/** Goes on with a run that was interrupted. */
export const resume = (): Promise<void> => follow('Resuming', () => ask('resume', undefined));

async function follow(what: string, run: () => Promise<typeof result.value>): Promise<void> {
  [result.value, notes.value, epochs.value] = [undefined, [], []];
  await during(what, 'method', async () => {
    result.value = await run();
    start.value = { ...start.value!, interrupted: undefined };
    if (!result.value) {
      const { interrupted } = await ask('start', undefined);
      start.value = { ...start.value, interrupted };
    }
  });
  if (result.value) document.getElementById('outcome-title')?.focus();
}

export function Running() {
  const { epoch = 0, epochs: all = 0, loss, eta, accuracy, step = 0, steps = 1 } = progress.value ?? {};
  const lines = epochs.value;
  const tested = lines.map(({ test }) => test?.accuracy ?? null);
  return (
    <section aria-label="Progress" aria-busy={busy.value !== ''}>
      {busy.value && (
        <p role="status">
          {busy.value} … {epoch > 0 && `Epoch ${epoch} of ${all}, loss ${loss!.toPrecision(3)}`}
          {accuracy !== undefined && `, accuracy ${percent(accuracy)}`}
          {eta !== undefined && `, about ${duration(eta)} left`}
        </p>
      )}
      {busy.value && (
        <p>
          <progress
            class="long"
            aria-label="Progress of the run"
            max={all * steps || 1}
            value={epoch > 0 ? (epoch - 1) * steps + step : undefined}
          />
          {RUNS.includes(busy.value) && (
            <button type="button" onClick={() => void ask('stop', undefined)}>
              Stop
            </button>
          )}
        </p>
      )}
      {notes.value.length > 0 && (
        <ul class="notes" aria-label="Notes">
          {notes.value.map((note, i) => (
            <li key={i}>{note}</li>
          ))}
        </ul>
      )}
      {lines.length > 0 && (
        <div class="charts">
          <Chart title="Loss" figureName="loss" series={[{ name: 'training', values: lines.map(({ loss: one }) => one) }]} />
          {tested.some((value) => value !== null) && (
            <Chart title="Accuracy" figureName="accuracy" series={[{ name: 'test', values: tested }]} />
          )}
        </div>
      )}
      {!model.value && <Problem where="method" />}
    </section>
  );
}
