/** Several runs over each other: curves, with the mean and deviation over seeds, and how their recipes differ. */
import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import type { RunDetail } from '../types.js';
import { Chart, type Series } from './chart.js';
import { chosen, detailOf, rows, toggle } from './state.js';
import { meanOf, type Member } from './seeds.js';
import { Times } from './times.js';
import { titleOf } from './words.js';

const figureName = signal('test.accuracy');
const bySetting = signal(true);

export function Compare() {
  const ids = [...chosen.value].filter((id) => rows.value.has(id)).sort();
  const details = useDetails(ids);
  if (ids.length === 0)
    return (
      <p>
        Choose runs with the boxes in the <a href="#/">list of runs</a>, then come back to compare them.
      </p>
    );
  const names = [...new Set(details.flatMap(({ curves }) => curves.names))];
  const name = names.includes(figureName.value) ? figureName.value : (names[0] ?? '');
  const members = details.map(
    ({ row, curves }): Member => ({ id: row.id, setting: row.setting, values: curves.values[name] ?? [] }),
  );
  const series: Series[] = bySetting.value ? meanOf(members) : members.map(({ id, values }) => ({ name: id, values }));
  return (
    <>
      <h1>Compare</h1>
      <form class="controls" onSubmit={(event) => event.preventDefault()}>
        <label>
          Figure
          <select value={name} onChange={({ currentTarget }) => (figureName.value = currentTarget.value)}>
            {names.map((each) => (
              <option key={each} value={each}>
                {titleOf(each)}
              </option>
            ))}
          </select>
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={bySetting.value}
            onChange={({ currentTarget }) => (bySetting.value = currentTarget.checked)}
          />
          Mean and deviation over seeds
        </label>
        <button type="button" onClick={() => toggle(ids, false)}>
          Choose none
        </button>
      </form>
      {name && <Chart title={titleOf(name)} figureName={name} series={series} />}
      <Differences details={details} />
      <Times details={details} />
    </>
  );
}

/** Details of runs, read again when one of them has changed. */
function useDetails(ids: readonly string[]): RunDetail[] {
  const [details, setDetails] = useState<RunDetail[]>([]);
  const state = ids.map((id) => `${id} ${rows.value.get(id)?.changed}`).join('\n');
  useEffect(() => {
    let isWanted = true;
    Promise.all(ids.map(detailOf)).then(
      (found) => isWanted && setDetails(found),
      () => {},
    );
    return () => {
      isWanted = false;
    };
  }, [state]);
  return details;
}

const said = (value: unknown): string =>
  value === undefined ? '–' : typeof value === 'string' ? value : JSON.stringify(value);

/** Settings that are not the same in all recipes. */
function Differences({ details }: { details: readonly RunDetail[] }) {
  const keys = [...new Set(details.flatMap(({ recipe }) => Object.keys(recipe)))];
  const differing = keys.filter((key) => new Set(details.map(({ recipe }) => said(recipe[key]))).size > 1);
  if (details.length < 2) return null;
  if (differing.length === 0) return <p>The recipes of these runs are the same.</p>;
  return (
    <section>
      <h2>How the recipes differ</h2>
      <div class="wide" tabIndex={0} role="region" aria-label="Differences between recipes">
        <table>
          <thead>
            <tr>
              <th scope="col">run</th>
              {differing.map((key) => (
                <th scope="col" key={key}>
                  {key}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {details.map(({ row, recipe }) => (
              <tr key={row.id}>
                <th scope="row">{row.id}</th>
                {differing.map((key) => (
                  <td key={key}>{said(recipe[key])}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
