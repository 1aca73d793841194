/** Questions to thousands of runs, and Parquet files, by DuckDB: it reads the files of the runs where they are. An optional package, imported on use. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fail, importOptional } from '../../base/index.js';
import type { Row } from './rows.js';

/** What is used of @duckdb/node-api. */
interface DuckDb {
  DuckDBInstance: {
    create(path: string): Promise<{ connect(): Promise<Connection>; closeSync(): void }>;
  };
}
interface Connection {
  run(sql: string): Promise<unknown>;
  runAndReadAll(sql: string): Promise<{ getRowObjectsJS(): Row[] }>;
  closeSync(): void;
}

const PACKAGE: string = '@duckdb/node-api';

async function connected<T>(what: string, use: (connection: Connection) => Promise<T>): Promise<T> {
  const { DuckDBInstance } = await importOptional<DuckDb>(PACKAGE, () => import(PACKAGE), what);
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    return await use(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** Tables that a question may name, each of a kind of file below the folder. `run` is the run's folder within it. */
const tables = {
  runs: { file: 'summary.json', read: 'read_json', where: '' },
  recipes: { file: 'recipe.json', read: 'read_json', where: '' },
  epochs: { file: 'metrics.jsonl', read: 'read_ndjson', where: " WHERE kind = 'epoch'" },
  masks: { file: 'metrics.jsonl', read: 'read_ndjson', where: " WHERE kind = 'masks'" },
};

/**
 * The answer to a question in SQL over the tables `runs` (summary.json), `recipes`, `epochs` and `masks` of all runs below a folder; only those are
 * read that the question names.
 * @throws UserError when DuckDB is not installed or does not understand the question.
 */
export async function query(folder: string, sql: string): Promise<Row[]> {
  const root = resolve(folder);
  if (!(await readdir(root).catch(() => undefined)))
    fail(`There is no folder ${folder}: name one with runs.`);
  return connected('A question in SQL', async (connection) => {
    for (const [name, { file, read, where }] of Object.entries(tables)) {
      if (!new RegExp(`\\b${name}\\b`, 'i').test(sql)) continue;
      const files = `${read}(${quoted(`${root}/**/${file}`)}, filename = true, union_by_name = true)`;
      const run = `filename[${root.length + 2}:-${file.length + 2}]`;
      await connection
        .run(`CREATE VIEW ${name} AS SELECT ${run} AS run, * EXCLUDE (filename) FROM ${files}${where}`)
        .catch((error: Error) => fail(`There is nothing to query in ${folder}: ${firstLine(error)}.`));
    }
    const answer = await connection
      .runAndReadAll(sql)
      .catch((error: Error) => fail(`DuckDB does not understand the query: ${firstLine(error)}.`));
    return answer.getRowObjectsJS().map((row) => plain(row) as Row);
  });
}

/** Whole numbers of 64 bits as numbers, dates as texts, wherever they stand. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}

const firstLine = ({ message }: Error): string => message.split('\n')[0].replace(/\.$/, '');

/** Writes rows as a Parquet file. @throws UserError when DuckDB is not installed, or the file cannot be written. */
export async function writeParquet(path: string, rows: readonly Row[]): Promise<void> {
  await connected('Writing Parquet', async (connection) => {
    const scratch = await mkdtemp(join(tmpdir(), 'espalier-table-'));
    try {
      const lines = join(scratch, 'rows.jsonl');
      // A row says what it lacks, so that every column is there.
      const text = rows.map((row) => JSON.stringify(row, (_, value) => (value === undefined ? null : value)));
      await writeFile(lines, `${text.join('\n')}\n`);
      await connection
        .run(
          `COPY (SELECT * FROM read_ndjson(${quoted(lines)})) TO ${quoted(resolve(path))} (FORMAT parquet)`,
        )
        .catch((error: Error) => fail(`Cannot write ${path}: ${firstLine(error)}.`));
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });
}
