/** The table of a study for a paper: booktabs, the same cells as on the terminal. */
import type { StudyResult } from '../../runs/index.js';
import { studyNotes, studyTable } from './rows.js';

const SPECIAL: Record<string, string> = {
  '\\': '\\textbackslash{}',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
  '±': '$\\pm$',
  '−': '$-$',
  '–': '--',
  '×': '$\\times$',
};

/** Text as LaTeX prints it. */
export const tex = (text: string): string =>
  text.replace(/[\\~^±−–×]|[&%$#_{}]/g, (letter) => SPECIAL[letter] ?? `\\${letter}`);

export function studyLatex(result: StudyResult): string {
  const { titles, rows } = studyTable(result);
  const columns = titles.map((_, i) => (i < result.axes.length ? 'l' : 'r')).join('');
  const line = (cells: readonly string[]) => `  ${cells.map(tex).join(' & ')} \\\\`;
  return [
    '% \\usepackage{booktabs}',
    `\\begin{tabular}{${columns}}`,
    '  \\toprule',
    line(titles),
    '  \\midrule',
    ...rows.map(line),
    '  \\bottomrule',
    '\\end{tabular}',
    ...studyNotes(result).map((note) => `% ${note}`),
  ].join('\n');
}
