/**
 * Writes the tables of the docs that follow from the code and from what is installed: the operators (docs/operators.md) and the licences
 * (docs/dependencies.md). Each stands between two comments of its page.
 *
 *     node scripts/doc-tables.mjs            writes them    (after node scripts/setup.mjs)
 *     node scripts/doc-tables.mjs --check    ends with exit status 1 where one is out of date
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Unsupported } from '../dist/graph/operator.js';
import { knownOperators } from '../dist/graph/ops/index.js';

const root = fileURLToPath(new URL('..', import.meta.url));

const yes = (is) => (is ? 'yes' : '–');

/** Whether the kernels compute an operator: it expands into core operators, and does not refuse to. */
function isComputed(name, { expand }) {
  if (!expand) return false;
  try {
    expand(
      {
        node: { name, op: name, domain: '', inputs: [], outputs: [], attributes: {} },
        inputs: [],
        opset: 21,
      },
      [],
      {},
    );
  } catch (error) {
    // What an operator complains of for want of inputs is something else.
    return !(error instanceof Unsupported) || !/does not compute/.test(error.message);
  }
  return true;
}

function operatorRow([name, operator]) {
  const computed = isComputed(name, operator);
  const learnt = (operator.learnt ?? []).length > 0;
  const prunable = (operator.prunable ?? []).length > 0;
  const cells = [
    computed ? 'yes' : operator.macs ? '–' : 'constants',
    learnt && !computed ? '–' : yes(learnt),
    yes(prunable),
  ];
  return `| \`${name}\` | ${cells.join(' | ')} |`;
}

function operatorTable() {
  const rows = [...knownOperators].sort(([a], [b]) => (a < b ? -1 : 1)).map(operatorRow);
  const head = ['| operator | computed | trained weights | prunable weights |', '|---|---|---|---|'];
  return [`${rows.length} operators:`, '', ...head, ...rows].join('\n');
}

/** The packages of the lock file by licence, those that are installed with `root` or with one of its peers. */
function licencesOf(names, packages) {
  const found = new Map();
  const visit = (name, from) => {
    const path = locate(name, from, packages);
    if (path === undefined || found.has(path)) return;
    const about = packages[path];
    found.set(path, about.license ?? 'none stated');
    const needed = { ...about.dependencies, ...about.optionalDependencies };
    for (const other of Object.keys(needed)) visit(other, path);
  };
  for (const name of names) visit(name, '');
  const byLicence = new Map();
  for (const [path, licence] of found) {
    const name = path.replace(/^.*node_modules\//, '');
    byLicence.set(licence, (byLicence.get(licence) ?? new Set()).add(name));
  }
  return [...byLicence].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Where npm has put a package that another one needs: beside it, or further up. */
function locate(name, from, packages) {
  for (let at = from; ; at = at.replace(/\/?node_modules\/(@[^/]+\/)?[^/]+$/, '')) {
    const path = `${at ? `${at}/` : ''}node_modules/${name}`;
    if (packages[path]) return path;
    if (at === '') return undefined;
  }
}

function licenceTable() {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const { dependencies, peerDependencies } = packages[''];
  const sections = [
    ['espalier itself', Object.keys(dependencies)],
    ...Object.keys(peerDependencies).map((name) => [name, [name]]),
  ];
  const rows = sections.flatMap(([what, names]) =>
    licencesOf(names, packages).map(
      ([licence, all]) => `| ${what} | ${licence} | ${[...all].sort().join(', ')} |`,
    ),
  );
  return ['| installed with | licence | packages |', '|---|---|---|', ...rows].join('\n');
}

const tables = [
  ['docs/operators.md', 'operators', operatorTable],
  ['docs/dependencies.md', 'licences', licenceTable],
];

let stale = 0;
for (const [page, name, make] of tables) {
  const text = readFileSync(join(root, page), 'utf8');
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < 0) throw new Error(`${page} has no place for its table: ${begin} … ${end}`);
  const now = `${text.slice(0, from)}${begin}\n${make()}\n${text.slice(to)}`;
  if (now === text) continue;
  stale++;
  if (process.argv.includes('--check'))
    process.stdout.write(`${page} is out of date: node scripts/doc-tables.mjs\n`);
  else writeFileSync(join(root, page), now);
}
if (process.argv.includes('--check') && stale > 0) process.exit(1);
