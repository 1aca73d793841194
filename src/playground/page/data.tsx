/** The second step: data to train and to measure with, or none. */
import type { DataKind } from '../protocol.js';
import { Drop, type Dropped } from './drop.js';
import { Problem } from './problem.js';
import { ask, busy, choice, data, during } from './state.js';

const isNpz = ({ file }: Dropped): boolean => /\.npz$/i.test(file.name);

export function DataStep() {
  const open = (kind: DataKind, files: Dropped[] = []) =>
    during('Opening the data', 'data', async () => {
      const { inputShape } = choice.value;
      data.value = await ask('openData', { kind, files, inputShape });
      choice.value = { ...choice.value, data: kind };
    });
  const take = (files: Dropped[]) => {
    const npz = files.find(isNpz);
    void (npz ? open('npz', [{ ...npz, path: 'data.npz' }]) : open('images', files));
  };
  const { kind, train, test, classes, labelled, shape, notes } = data.value;
  return (
    <section aria-labelledby="data-title">
      <h2 id="data-title">2. Data</h2>
      <Drop
        label="Drop pictures, a folder of pictures or an .npz file here, or choose some"
        accept="image/*,.npz"
        several
        folders
        take={take}
      >
        <div class="row">
          <button type="button" disabled={busy.value !== ''} onClick={() => void open('digits')}>
            Take the digits
          </button>
          <button type="button" disabled={busy.value !== ''} onClick={() => void open('none')}>
            Take no data
          </button>
        </div>
      </Drop>
      <p role="status">
        {kind === 'none'
          ? 'No data: the model is pruned at once, by its weights or by random inputs, and no accuracy is measured.'
          : `${train} samples to train on, ${test} to test on, of ${shape.join(' × ')}, ${labelled ? `${classes.length} classes` : 'without labels: the pruned model learns the answers of the original'}.`}
      </p>
      {notes.length > 0 && (
        <ul class="notes">
          {notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
      <Problem where="data" />
    </section>
  );
}
