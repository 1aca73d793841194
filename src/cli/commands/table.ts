/** table: the results of a study for other programs, and questions to its runs. */
import type { Command } from 'commander';
import { fail, writeAtomically } from '../../base/index.js';
import { studyLatex, studyNotes, studyTable } from '../../report/index.js';
import { asCsv, query, type Row, readResult, runRows, settingRows, writeParquet } from '../../runs/index.js';
import { define } from '../define.js';
import type { Face } from '../face.js';
import { left, right, table } from '../table.js';

export function addTable(program: Command, signal: AbortSignal): void {
  define(program, signal, {
    name: 'table',
    argument: '[DIR]',
    about: 'the folder of a study; with --sql any folder with runs',
    out: 'file to write instead of printing',
    outArgument: 'FILE',
    recipes: false,
    examples: [
      'table runs/mine --csv --out mine.csv',
      'table runs/mine --latex',
      'table runs/mine --parquet --runs --out mine.parquet',
      'table runs --sql "SELECT run, sparsity.after FROM runs ORDER BY 2 DESC LIMIT 10"',
    ],
    async run({ given, argument: [folder], out }, face) {
      if (!folder)
        return fail('The folder of the study is missing: name it, as in espalier table runs/mine.');
      const { csv, latex, parquet, sql } = given;
      if ([csv, latex, parquet].filter(Boolean).length > 1)
        return fail('Give one of --csv, --latex and --parquet.');
      if (parquet && !out)
        return fail('A Parquet file cannot be printed: give --out, such as --out table.parquet.');
      if (sql !== undefined) {
        if (latex || given.runs) return fail('--sql can be combined with --csv or --parquet only.');
        return tell(await query(folder, sql), given, out, face);
      }
      const { result, lines } = await readResult(folder);
      if (latex) return print(studyLatex(result), result, out, face);
      const rows = given.runs ? runRows(result, lines) : settingRows(result);
      if (csv || parquet || given.runs) return tell(rows, given, out, face);
      const { titles, rows: cells } = studyTable(result);
      const columns = titles.map((title, i) => (i < result.axes.length ? left(title) : right(title)));
      return print([table(columns, cells), ...studyNotes(result)].join('\n\n'), result, out, face);
    },
  });
}

type Form = { csv?: boolean; parquet?: boolean };

/** Rows in the form that is asked for. */
async function tell(rows: Row[], { csv, parquet }: Form, out: string | undefined, face: Face): Promise<void> {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  if (parquet) {
    await writeParquet(out!, rows);
    return face.result({ rows }, `${out} has ${rows.length} rows.`);
  }
  const cells = rows.map((row) => names.map((name) => shown(row[name])));
  await print(csv ? asCsv(names, rows).trimEnd() : table(names.map(left), cells), { rows }, out, face);
}

const shown = (value: unknown): string => {
  if (value === undefined || value === null) return '–';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
};

async function print(text: string, value: object, out: string | undefined, face: Face): Promise<void> {
  if (out === undefined) return face.result(value, text);
  await writeAtomically(out, `${text}\n`);
  face.result(value, `${out} is written.`);
}
