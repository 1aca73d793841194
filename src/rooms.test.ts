/**
 * The house rules: rooms import downwards only, a room is entered through its index, and no file is, through others, an
 * import of itself.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOMS =
  'base onnx graph engine nn data objectives train calibration sparsity channels runtime runs report watch cli web playground'.split(
    ' ',
  );
/** Inner rooms with an index of their own, what other rooms use of one whose index is a package's, and what help needs of the base. */
const INNER_DOORS = [
  'base/told.ts',
  'data/pictures/index.ts',
  'engine/lowering/index.ts',
  'runtime/internal.ts',
  'watch/page/index.ts',
];

/** Imports that reach past an index, and why. */
const REACHING: Readonly<Record<string, string>> = {
  'cli/main.ts imports base/version.ts': 'the version is told without loading anything else',
  'docs.test.ts imports cli/summaries.ts': 'nothing stands above the command line but this test',
  'graph/branch.test.fixture.ts imports onnx/generated/onnx_pb.ts':
    'it writes what no model holds: branches as bytes',
};

const source = fileURLToPath(new URL('../src', import.meta.url));

const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name))
  .map((name) => join(source, name));

/** The source of a module. */
const sourceAt = (module: string): string => (existsSync(`${module}.tsx`) ? `${module}.tsx` : `${module}.ts`);

/** The files that a file imports by relative paths, as TypeScript sources. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const quoted = /\b(?:from|import)\s*\(?\s*['"](\.[^'"]*)\.js['"]/g;
  return [...text.matchAll(quoted)].map((match) => {
    return sourceAt(resolve(file, '..', match[1]));
  });
}

const name = (file: string): string => relative(source, file);
const roomOf = (file: string): string => relative(source, file).split(/[\\/]/)[0];

/** An index, or a fixture, which tests of any room may use. */
const isDoor = (file: string): boolean =>
  [join(roomOf(file), 'index.ts'), 'index.ts'].includes(name(file)) ||
  INNER_DOORS.includes(name(file)) ||
  file.endsWith('.test.fixture.ts');

/** The number of a file's room; what lies in no room stands on top of them all. */
function floorOf(file: string): number {
  const [room, ...rest] = relative(source, file).split(/[\\/]/);
  if (rest.length === 0) return ROOMS.length;
  assert.ok(ROOMS.includes(room), `src/${room} is not a room`);
  return ROOMS.indexOf(room);
}

const imports = new Map(files.map((file) => [file, importsOf(file)]));

test('rooms import downwards only', () => {
  const upwards = files.flatMap((file) =>
    imports
      .get(file)!
      .filter((target) => floorOf(target) > floorOf(file))
      .map((target) => `${name(file)} imports ${name(target)}`),
  );
  assert.deepEqual(upwards, []);
  assert.ok(
    files.length > 20 && [...imports.values()].some((targets) => targets.length > 2),
    'imports are seen',
  );
});

test('a room is entered through its index only', () => {
  const past = files.flatMap((file) =>
    imports
      .get(file)!
      .filter((target) => roomOf(target) !== roomOf(file) && !isDoor(target))
      .map((target) => `${name(file)} imports ${name(target)}`),
  );
  assert.deepEqual(past.sort(), Object.keys(REACHING).sort());
});

/** Inner folders of a room that have an order, too: each imports from those before it. */
const STEPS = ['find', 'cut', 'judge', 'choose', 'pull'].map((step) => join('channels', step));

test('the steps of structured pruning import from those before them only', () => {
  const stepOf = (file: string) => STEPS.findIndex((step) => name(file).startsWith(join(step, '/')));
  const backwards = files
    .filter((file) => stepOf(file) >= 0)
    .flatMap((file) =>
      imports
        .get(file)!
        .filter((target) => stepOf(target) > stepOf(file))
        .map((target) => `${name(file)} imports ${name(target)}`),
    );
  assert.deepEqual(backwards, []);
});

test('an index says what its room is', () => {
  const doors = [...new Set([...imports.values()].flat())].filter((file) => /\bindex\.ts$/.test(file));
  assert.deepEqual(
    doors
      .filter((file) => roomOf(file) !== 'index.ts' && !readFileSync(file, 'utf8').startsWith('/**'))
      .map(name),
    [],
  );
});

/** Names that two rooms offer with different meanings, and why. */
const NAMESAKES: Readonly<Record<string, string>> = {
  LoadOptions: 'espalier and espalier/runtime are two packages to their users',
  Numbers: 'the same',
  Source: 'the same: where a model comes from, there as a file and here as an address',
  numbers: 'a kind of setting, which users write as setting.numbers, and a kind of samples',
};

/** What a file exports, by name: where it is declared. */
function exportsOf(file: string): Map<string, string> {
  const text = readFileSync(file, 'utf8');
  const found = new Map<string, string>();
  const declared = /^export (?:async )?(?:function\*?|const|class|interface|type) (\w+)/gm;
  for (const [, own] of text.matchAll(declared)) found.set(own, `${name(file)} ${own}`);
  for (const [, list, from] of text.matchAll(/^export (?:type )?(?:\{([^}]*)\}|\*) from '(\.[^']*)\.js'/gm)) {
    const inner = exportsOf(sourceAt(resolve(file, '..', from)));
    const items = list?.split(',').flatMap((item) => item.trim() || []) ?? [...inner.keys()];
    for (const item of items) {
      const [old, now = old] = item.replace(/^type /, '').split(' as ');
      found.set(now, inner.get(old) ?? `${from} ${old}`);
    }
  }
  return found;
}

test('a name that rooms offer means one thing', () => {
  const doors = files.filter(
    (file) => roomOf(file) !== 'index.ts' && isDoor(file) && !file.includes('.test.'),
  );
  const meanings = new Map<string, Set<string>>();
  for (const door of doors)
    for (const [offered, place] of exportsOf(door))
      meanings.set(offered, (meanings.get(offered) ?? new Set()).add(place));
  const several = [...meanings].filter(([, places]) => places.size > 1).map(([offered]) => offered);
  assert.deepEqual(several.sort(), Object.keys(NAMESAKES).sort());
  assert.ok(meanings.size > 300, 'exports are seen');
});

test('no file imports itself through others', () => {
  const cycles: string[] = [];
  const settled = new Set<string>();
  const visit = (file: string, path: string[]) => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].map(name).join(' → '));
    if (path.includes(file) || settled.has(file)) return;
    for (const target of imports.get(file) ?? []) visit(target, [...path, file]);
    settled.add(file);
  };
  for (const file of files) visit(file, []);
  assert.deepEqual(cycles, []);
});
