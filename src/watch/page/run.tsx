/** One run: its figures, curves, layers, network and recipe, and what can be done with it. */
import { useEffect, useState } from 'preact/hooks';
import type { Curves, RunDetail } from '../types.js';
import { Chart } from './chart.js';
import { Density } from './density.js';
import { StatusOf } from './list.js';
import { NetworkView } from './network.js';
import { ask, detailOf, isLive, rows } from './state.js';
import { metricIn } from './units.js';
import { figure, metrics, titleOf } from './words.js';

export function Run({ id }: { id: string }) {
  const row = rows.value.get(id);
  const [detail, setDetail] = useState<RunDetail>();
  const [problem, setProblem] = useState('');
  // The row changes with every epoch, and the rest with it.
  useEffect(() => {
    let isWanted = true;
    detailOf(id).then(
      (found) => isWanted && setDetail(found),
      (error: Error) => isWanted && setProblem(error.message),
    );
    return () => {
      isWanted = false;
    };
  }, [id, row]);
  if (problem && !detail) return <p role="alert">{problem}</p>;
  if (!row || !detail) return <p>Loading …</p>;
  return (
    <>
      <p>
        <a href="#/">All runs</a>
      </p>
      <h1>{id}</h1>
      <p>
        <StatusOf row={row} />
      </p>
      <Actions detail={detail} />
      <Figures detail={detail} />
      <Charts curves={detail.curves} />
      {detail.layers.densities.length > 0 && <Density layers={detail.layers} />}
      <NetworkView id={id} />
      <RecipeTable recipe={detail.recipe} />
    </>
  );
}

function Actions({ detail: { row, files } }: { detail: RunDetail }) {
  if (!isLive) return null;
  const id = encodeURIComponent(row.id);
  return (
    <p class="actions">
      {row.status === 'running' && (
        <button type="button" onClick={() => ask(`api/stop?id=${id}`)}>
          Stop
        </button>
      )}
      {(row.status === 'stopped' || row.status === 'failed') && (
        <button type="button" onClick={() => ask(`api/resume?id=${id}`)}>
          Resume
        </button>
      )}
      <a href={`#/new/${id}`}>New run like this</a>
      {files.map((name) => (
        <a key={name} href={`file?id=${id}&name=${name}`} target="_blank" rel="noreferrer">
          {name}
        </a>
      ))}
    </p>
  );
}

/** Figures in the order in which people ask for them. */
const FIGURES = ['accuracy', 'loss', 'sparsity', 'params', 'nonzero', 'macs', 'effectiveMacs', 'latency', 'bytes.raw', 'bytes.gzip'];

function Figures({ detail: { row } }: { detail: RunDetail }) {
  const { result, latest } = row;
  const own = (row.metrics ?? []).map(({ name }) => `metrics.${name}`);
  const known = [...own, ...FIGURES].filter((name) => name in result);
  if (known.length === 0) {
    const names = Object.keys(latest).filter((name) => name !== 'epoch');
    return <Definitions entries={names.map((name) => [titleOf(name), figure(name, latest[name])])} />;
  }
  const has = (part: string) => known.some((name) => `${name}.${part}` in result);
  const parts = ['before', 'target'].filter(has);
  return (
    <div class="wide" tabIndex={0} role="region" aria-label="Figures">
    <table class="figures">
      <caption>Figures</caption>
      <thead>
        <tr>
          <td />
          {parts.includes('before') && <th scope="col">before</th>}
          <th scope="col">after</th>
          {parts.includes('target') && <th scope="col">target</th>}
        </tr>
      </thead>
      <tbody>
        {known.map((name) => (
          <tr key={name}>
            <th scope="row">{titleOf(name)}</th>
            {parts.includes('before') && <td>{figure(name, result[`${name}.before`])}</td>}
            <td>{figure(name, result[name])}</td>
            {parts.includes('target') && <td>{figure(name, result[`${name}.target`])}</td>}
          </tr>
        ))}
      </tbody>
    </table>
    </div>
  );
}

function Definitions({ entries }: { entries: [string, string][] }) {
  return (
    <dl class="figures">
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** What a figure measures, whatever the samples. */
function kindOf(name: string): string {
  const found = metricIn(name, metrics.value);
  return found ? `metrics.${found.metric.name}` : name.split('.').at(-1)!;
}

/** The samples that a figure is of, where it says so. */
function splitOf(name: string): string | undefined {
  const found = metricIn(name, metrics.value);
  return found ? found.split : name.includes('.') ? name.split('.')[0] : undefined;
}

/** Figures that belong into one chart: loss and accuracy of every split. */
function Charts({ curves }: { curves: Curves }) {
  const kinds = [...new Set(curves.names.map(kindOf))];
  if (curves.values[curves.names[0]]?.length === 0) return <p>No epoch is done yet.</p>;
  return (
    <div class="charts">
      {kinds.map((kind) => {
        const names = curves.names.filter((name) => kindOf(name) === kind);
        const series = names.map((name) => ({
          name: splitOf(name) ?? (names.length > 1 ? 'training' : titleOf(name)),
          values: curves.values[name],
        }));
        return <Chart key={kind} title={titleOf(kind)} figureName={kind} series={series} />;
      })}
    </div>
  );
}

export function RecipeTable({ recipe }: { recipe: Record<string, unknown> }) {
  return (
    <details>
      <summary>Recipe</summary>
      <table class="recipe">
        <tbody>
          {Object.entries(recipe).map(([key, value]) => (
            <tr key={key}>
              <th scope="row">{key}</th>
              <td>{typeof value === 'string' ? value : JSON.stringify(value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
