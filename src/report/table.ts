/** Tables of a report: each has a caption, heads of rows and columns, and is scrolled by itself where it is too wide. */
import { html } from './page.js';

export interface Column {
  title: string;
  /** The column holds words, which wrap and stand at the left. */
  words?: boolean;
}

export interface Table {
  /** What the table shows; for those who hear the page, as the heading above says it to those who see it. */
  caption: string;
  columns: readonly (string | Column)[];
  /** Cells as HTML. The first of a row is its head. */
  rows: readonly (readonly string[])[];
}

/** A table as HTML. The box around it takes the keyboard's focus, so that arrow keys scroll it. */
export function table({ caption, columns, rows }: Table): string {
  const kinds = columns.map((column) => (typeof column === 'string' ? { title: column } : column));
  const classOf = (i: number) => ((kinds[i] as Column).words ? ' class="words"' : '');
  const head = kinds.map(({ title }, i) =>
    title ? `<th scope="col"${classOf(i)}>${html(title)}</th>` : '<td></td>',
  );
  const body = rows.map((cells) => {
    const [first, ...rest] = cells;
    const others = rest.map((cell, i) => `<td${classOf(i + 1)}>${cell}</td>`);
    return `<tr><th scope="row"${classOf(0)}>${first}</th>${others.join('')}</tr>`;
  });
  return `<div class="scroll" role="region" aria-label="${html(caption)}" tabindex="0"><table>
<caption>${html(caption)}</caption>
<thead><tr>${head.join('')}</tr></thead>
<tbody>${body.join('\n')}</tbody>
</table></div>`;
}

/** A number of things that unfolds to their names. */
export const unfolding = (count: string, names: readonly string[]): string =>
  names.length === 0
    ? count
    : `<details><summary>${count}</summary>${names.map(html).join('<br>')}</details>`;
