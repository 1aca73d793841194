/** What a line of metrics.jsonl, or a summary, is as named numbers along steps. */
import { numbersByPath } from '../../base/index.js';
import type { MetricsLine, Summary } from '../summary.js';

/** A number at a step: epochs of all stages are counted through, updates of masks stand at their iteration. */
export interface Figure {
  /** 'test/accuracy', 'density/conv1.weight'. */
  name: string;
  step: number;
  value: number;
}

/** Numbers that only say where a line belongs. */
const PLACES = ['epoch', 'iteration'];

/** The figures of each line, of one line together. */
export function figuresOfLines(lines: readonly MetricsLine[]): Figure[][] {
  let epochs = 0;
  return lines.map((line) => {
    if (line.kind === 'epoch') return figuresAt(++epochs, line);
    const group = line.stage ? `masks/${line.stage}` : 'masks';
    const layers = (line.layers ?? []).map(({ name, density }) => [`density/${name}`, density] as const);
    return figuresAt(line.iteration, line, `${group}/`).concat(
      layers.map(([name, value]) => ({ name, step: line.iteration, value })),
    );
  });
}

function figuresAt(step: number, line: object, group = ''): Figure[] {
  return Object.entries(numbersByPath(line))
    .filter(([name]) => !PLACES.includes(name))
    .map(([name, value]) => ({ name: `${group}${name.replaceAll('.', '/')}`, step, value }));
}

/** What the run has reached, under names that begin with 'final/'. */
export function finalFigures(summary: Summary, lines: readonly MetricsLine[]): Figure[] {
  const { weights: _, prunable: __, unpruned: ___, ...rest } = summary;
  const step = lines.filter(({ kind }) => kind === 'epoch').length;
  return Object.entries(numbersByPath(rest)).flatMap(([name, value]) => {
    const [, stem] = /^(.*)\.after$/.exec(name) ?? [];
    return stem ? [{ name: `final/${stem.replaceAll('.', '/')}`, step, value }] : [];
  });
}
