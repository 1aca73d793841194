/** Where the time of several runs' models goes, layer by layer, beside each other; measured when somebody asks. */
import { useState } from 'preact/hooks';
import type { LayerTimes, RunDetail } from '../types.js';
import { isLive, timesOf } from './state.js';
import { byLayer } from './times-table.js';

const inMs = (ms: number | undefined): string => (ms === undefined ? '–' : ms.toFixed(3));

export function Times({ details }: { details: readonly RunDetail[] }) {
  const [measured, setMeasured] = useState<ReadonlyMap<string, LayerTimes>>(new Map());
  const [state, setState] = useState('');
  const ids = details.filter(({ files }) => files.includes('model.onnx')).map(({ row }) => row.id);
  if (!isLive || ids.length === 0) return null;
  const measure = async () => {
    const found = new Map<string, LayerTimes>();
    try {
      for (const id of ids) {
        setState(`Measuring ${id} …`);
        found.set(id, await timesOf(id));
      }
      setState('');
    } catch (error) {
      setState((error as Error).message);
    }
    setMeasured(found);
  };
  return (
    <section>
      <h2>Time per layer</h2>
      <p>
        <button type="button" onClick={measure}>
          Measure {ids.length === 1 ? 'this model' : `these ${ids.length} models`} on this machine
        </button>{' '}
        <span role="status">{state}</span>
      </p>
      {measured.size > 0 && <Table measured={measured} />}
    </section>
  );
}

function Table({ measured }: { measured: ReadonlyMap<string, LayerTimes> }) {
  const ids = [...measured.keys()];
  const [first] = measured.values();
  return (
    <>
      <p>
        Milliseconds for one sample in espalier/runtime ({first.machine}); what was fused counts for the last of its
        nodes.
      </p>
      <div class="wide" tabIndex={0} role="region" aria-label="Time per layer">
        <table>
          <thead>
            <tr>
              <th scope="col">layer</th>
              {ids.map((id) => (
                <th scope="col" key={id}>
                  {id}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {byLayer([...measured.values()]).map(({ name, ms }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                {ms.map((each, i) => (
                  <td key={ids[i]}>{inMs(each)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
