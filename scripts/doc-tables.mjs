/**
 * Writes the tables of the docs that follow from the code and from what is installed: the operators (docs/operators.md), the settings
 * (docs/settings.md), the licences (docs/dependencies.md), and the tests on each engine (docs/testing.md). Each stands between two comments of its page.
 *
 *     node scripts/doc-tables.mjs            writes them    (after node scripts/setup.mjs)
 *     node scripts/doc-tables.mjs --check    ends with exit status 1 where one is out of date
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { structuredMethods, usual } from '../dist/channels/index.js';
import { Unsupported } from '../dist/graph/operator.js';
import { knownOperators, repeatingOperators, vendorOperators } from '../dist/graph/ops/index.js';
import { inputsThatAre, learntInputs } from '../dist/graph/roles.js';
import {
  channelSettings,
  dataSettings,
  flagOf,
  lossSettings,
  machineSettings,
  modelSettings,
  outcomeSettings,
  trainingSettings,
} from '../dist/runs/settings.js';
import { trackingSettings } from '../dist/runs/track/settings.js';
import { gradualSettings, methods } from '../dist/sparsity/index.js';
import { learntMethods } from '../dist/sparsity/learnt/index.js';
import { waysTable } from './gates/ways.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);

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
  // What is trained and pruned of it are the weights of its body.
  if (!operator) return `| \`${name}\` | yes | yes | yes |`;
  const computed = isComputed(name, operator);
  const learnt = learntInputs(operator).length > 0;
  const prunable = inputsThatAre(operator, 'weight').length > 0;
  const cells = [
    computed ? 'yes' : operator.macs ? '–' : 'constants',
    learnt && !computed ? '–' : yes(learnt),
    yes(prunable),
  ];
  return `| \`${name}\` | ${cells.join(' | ')} |`;
}

function operatorTable() {
  const sorted = (operators) => [...operators].sort(([a], [b]) => (a < b ? -1 : 1));
  const vendors = sorted(vendorOperators).map(([name, operator]) => [`com.microsoft.${name}`, operator]);
  const own = [...knownOperators, ...repeatingOperators.map((name) => [name])];
  const rows = [...sorted(own), ...vendors].map(operatorRow);
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

const cell = (text) => text.replaceAll('|', '\\|');

const code = (text) => `\`${text}\``;

/** A row for every setting; `more` gives what stands beside it, under the titles of `columns`. */
function settingTable(settings, columns = [], more = () => []) {
  const rows = Object.entries(settings).map(([name, { argument, about, fallback }]) => {
    const flag = argument === undefined ? flagOf(name) : `${flagOf(name)} ${argument}`;
    return [code(name), code(flag), ...more(name, fallback), about].map(cell);
  });
  const titles = ['setting', 'flag', ...columns, 'what it is'];
  const head = [`| ${titles.join(' | ')} |`, `|${'---|'.repeat(titles.length)}`];
  return [...head, ...rows.map((cells) => `| ${cells.join(' | ')} |`)].join('\n');
}

/** The defaults of a setting with the methods that have them, the one of most methods first and without names where it is that of most. */
function defaultsAmong(all) {
  return (name) => {
    const byValue = new Map();
    for (const { name: method, defaults } of all) {
      if (!(name in defaults) || defaults[name] === undefined) continue;
      const value = JSON.stringify(defaults[name]).replaceAll('"', '');
      byValue.set(value, [...(byValue.get(value) ?? []), method]);
    }
    const groups = [...byValue].sort(([, a], [, b]) => b.length - a.length);
    const texts = groups.map(([value, owners], i) =>
      i === 0 && owners.length > all.length / 2
        ? code(value)
        : `${code(value)} (${owners.map(code).join(', ')})`,
    );
    return [texts.join('; ') || '–'];
  };
}

const weightTable = () => settingTable(gradualSettings, ['default'], defaultsAmong(methods));

const channelTable = () =>
  settingTable(
    channelSettings,
    ['default'],
    defaultsAmong(
      structuredMethods.map(({ name, defaults }) => ({ name, defaults: { ...usual, ...defaults } })),
    ),
  );

/** One table for each method that learns its masks. */
const learntTables = () =>
  learntMethods
    .map(({ name, settings }) => {
      const told = (_, fallback) => [
        fallback === undefined ? '–' : code(JSON.stringify(fallback).replaceAll('"', '')),
      ];
      return `${code(name)}:\n\n${settingTable(settings, ['default'], told)}`;
    })
    .join('\n\n');

const tables = [
  ['docs/settings.md', 'data settings', () => settingTable(dataSettings)],
  ['docs/settings.md', 'model settings', () => settingTable(modelSettings)],
  ['docs/settings.md', 'training settings', () => settingTable(trainingSettings)],
  ['docs/settings.md', 'weight settings', weightTable],
  ['docs/settings.md', 'learnt settings', learntTables],
  ['docs/settings.md', 'channel settings', channelTable],
  [
    'docs/settings.md',
    'machine settings',
    () => settingTable({ ...machineSettings, ...trackingSettings, ...lossSettings, ...outcomeSettings }),
  ],
  ['docs/operators.md', 'operators', operatorTable],
  ['docs/dependencies.md', 'licences', licenceTable],
  ['docs/testing.md', 'ways', waysTable],
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
