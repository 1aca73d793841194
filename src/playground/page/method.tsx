/** The third step: how to prune, how much, and what that will cost. */
import { useEffect, useState } from 'preact/hooks';
import { bytes, duration, percent } from '../../base/index.js';
import type { Choice, Cost, MethodChoice } from '../protocol.js';
import { Problem } from './problem.js';
import { prune } from './running.js';
import { ask, busy, choice, data, model, start } from './state.js';

const set = (part: Partial<Choice>): void => {
  choice.value = { ...choice.value, ...part };
};

const TITLES = { channels: 'remove channels', weights: 'remove single weights' } as const;

/** Pauses of the reader's after which the cost is asked for. */
const QUIET = 300;

export function Method() {
  const { methods, gpu } = start.value!;
  const { method, target, amount, reconstruct, epochs, distil, data: kind } = choice.value;
  const chosen = methods.find(({ name }) => name === method)!;
  const channels = chosen.removes === 'channels';
  const missing = missingFor(chosen);
  return (
    <section aria-labelledby="method-title">
      <h2 id="method-title">3. Method and target</h2>
      <fieldset>
        <legend>What goes</legend>
        <div class="row">
          <label>
            method
            <select value={method} onChange={({ currentTarget }) => choose(currentTarget.value)}>
              {(['channels', 'weights'] as const).map((removes) => (
                <optgroup key={removes} label={TITLES[removes]}>
                  {methods
                    .filter((one) => one.removes === removes)
                    .map(({ name }) => (
                      <option key={name} value={name}>
                        {name}
                      </option>
                    ))}
                </optgroup>
              ))}
            </select>
          </label>
          {channels && (
            <label>
              target
              <select
                value={target}
                onChange={({ currentTarget }) => set({ target: currentTarget.value as Choice['target'] })}
              >
                <option value="macs">MACs that are left</option>
                <option value="params">parameters that are left</option>
              </select>
            </label>
          )}
          <label>
            {channels ? 'left' : 'weights that go'}: {percent(amount, 0)}
            <input
              type="range"
              min="0.05"
              max="0.98"
              step="0.01"
              value={amount}
              onInput={({ currentTarget }) => set({ amount: Number(currentTarget.value) })}
            />
          </label>
        </div>
        <p>{chosen.summary}.</p>
      </fieldset>
      <fieldset>
        <legend>What follows</legend>
        <div class="row">
          {channels && (
            <label class="check">
              <input
                type="checkbox"
                checked={reconstruct}
                onChange={({ currentTarget }) => set({ reconstruct: currentTarget.checked })}
              />
              reconstruct: solve for the weights behind what goes
            </label>
          )}
          {kind !== 'none' && (
            <label>
              epochs of fine-tuning (0: at once)
              <input
                type="number"
                min="0"
                max="1000"
                value={epochs}
                onInput={({ currentTarget }) => set({ epochs: Math.max(0, Math.floor(Number(currentTarget.value))) })}
              />
            </label>
          )}
          {kind !== 'none' && data.value.labelled && epochs > 0 && (
            <label class="check">
              <input
                type="checkbox"
                checked={distil}
                onChange={({ currentTarget }) => set({ distil: currentTarget.checked })}
              />
              distil: learn from the original, too
            </label>
          )}
        </div>
      </fieldset>
      {gpu && (
        <fieldset>
          <legend>What computes</legend>
          <label>
            compute on
            <select
              value={choice.value.gpu ? 'gpu' : 'wasm'}
              onChange={({ currentTarget }) => set({ gpu: currentTarget.value === 'gpu' })}
            >
              <option value="wasm">the processor</option>
              <option value="gpu">the GPU ({gpu})</option>
            </select>
          </label>
        </fieldset>
      )}
      <Price />
      <p>
        <button
          type="button"
          class="main"
          disabled={busy.value !== '' || missing !== undefined}
          onClick={() => void prune()}
        >
          Prune
        </button>{' '}
        {missing}
      </p>
      <Problem where="method" />
    </section>
  );
}

function missingFor({ name, trains }: MethodChoice): string | undefined {
  const { data: kind, epochs } = choice.value;
  if (!trains) return undefined;
  if (kind === 'none') return `${name} prunes while it trains: give it data.`;
  return epochs === 0 ? `${name} prunes while it trains: give it epochs.` : undefined;
}

/** Of channels the amount is what is left, of weights what goes. */
function choose(method: string): void {
  const { methods } = start.value!;
  const of = (name: string) => methods.find((one) => one.name === name)?.removes;
  const same = of(method) === of(choice.value.method);
  set({ method, amount: same ? choice.value.amount : of(method) === 'channels' ? 0.6 : 0.8 });
}

/** What the run will take, before it starts. */
function Price() {
  const [cost, setCost] = useState<Cost | string>();
  const { data: kind, epochs, distil, reconstruct, method, gpu } = choice.value;
  const opened = model.value;
  useEffect(() => {
    setCost(undefined);
    const timer = setTimeout(() => {
      if (!busy.value) ask('cost', choice.value).then(setCost, (error: Error) => setCost(error.message));
    }, QUIET);
    return () => clearTimeout(timer);
  }, [opened, kind, epochs, distil, reconstruct, method, gpu]);
  return <p role="status">{typeof cost === 'object' ? told(cost) : (cost ?? 'Estimating what it takes …')}</p>;
}

function told({ seconds, bytes: needed, limit }: Cost): string {
  const text = `This takes about ${duration(seconds)} of computing and ${bytes(needed)} of memory here.`;
  if (limit && needed > limit) return `${text} That is more than the ${bytes(limit)} that the page can have: expect smaller parts of a batch, or a refusal.`;
  return seconds > 1800 ? `${text} Fewer epochs, or the command line, may suit you better.` : text;
}
