/** What came of it: figures before and after, the network, and files to take away. */
import { bytes, count, large, percent } from '../../base/index.js';
import { NetworkDrawing } from '../../watch/page/index.js';
import type { Download } from '../protocol.js';
import { Problem } from './problem.js';
import { ask, during, result } from './state.js';

type Row = [title: string, before: string, after: string];

function rows(): Row[] {
  const { accuracy, params, nonzero, macs, bytes: size, sparsity } = result.value!.summary;
  const row = <T,>(title: string, change: { before?: T; after: T } | undefined, show: (value: T) => string): Row[] =>
    change ? [[title, change.before === undefined ? '–' : show(change.before), show(change.after)]] : [];
  return [
    ...row('accuracy', accuracy, (value) => percent(value)),
    ...row('parameters', params, count),
    ...row('non-zero parameters', nonzero, count),
    ...row('sparsity', sparsity, (value) => percent(value)),
    ...row('MACs', macs, large),
    ...row('size', size.raw, bytes),
    ...row('size, gzip', size.gzip, bytes),
  ];
}

/** Hands a file to the browser. */
async function save(name: Download): Promise<void> {
  const blob = await during('Making the file', 'outcome', () => ask('download', name));
  if (!blob) return;
  const [stem] = result.value!.name.split(/\.\w+$/);
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = `${stem}-pruned${name === 'report.html' ? '-report' : ''}.${name.split('.')[1]}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const FILES: Record<Download, string> = {
  'model.onnx': 'Download the .onnx',
  'model.espk': 'Download it packed (.espk)',
  'report.html': 'Download the report',
};

export function Outcome() {
  const { summary, network } = result.value!;
  return (
    <section aria-labelledby="outcome-title">
      <h2 id="outcome-title" tabIndex={-1}>
        4. Result
      </h2>
      <div class="wide" tabIndex={0} role="region" aria-label="Before and after">
        <table>
          <caption>Before and after</caption>
          <thead>
            <tr>
              <td />
              <th scope="col">before</th>
              <th scope="col">after</th>
            </tr>
          </thead>
          <tbody>
            {rows().map(([title, before, after]) => (
              <tr key={title}>
                <th scope="row">{title}</th>
                <td class="number">{before}</td>
                <td class="number">{after}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p>{checked(summary.export.check)}</p>
      <div class="actions">
        {Object.entries(FILES).map(([name, title]) => (
          <button key={name} type="button" onClick={() => void save(name as Download)}>
            {title}
          </button>
        ))}
      </div>
      <Problem where="outcome" />
      <details>
        <summary>Network after pruning</summary>
        <NetworkDrawing network={network} worker />
      </details>
    </section>
  );
}

const checked = ({ by, samples, unchecked }: { by?: string; samples: number; unchecked?: string }): string =>
  by
    ? `${by} and the engine gave the same answers to ${samples} samples of the exported model.`
    : `The exported model was not checked${unchecked ? `: ${unchecked}` : ''}.`;
