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
  'base onnx graph engine nn data objectives train calibration sparsity channels runtime runs report watch cli'.split(
    ' ',
  );
/** Rooms whose index is their only door. */
const CLOSED = 'base'.split(' ');

/** Imports that reach past an index, and why. */
const REACHING: Readonly<Record<string, string>> = {
  'cli/main.ts imports base/version.ts': 'the version is told without loading anything else',
};

const source = fileURLToPath(new URL('../src', import.meta.url));

const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name))
  .map((name) => join(source, name));

/** The files that a file imports by relative paths, as TypeScript sources. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const quoted = /\b(?:from|import)\s*\(?\s*['"](\.[^'"]*)\.js['"]/g;
  return [...text.matchAll(quoted)].map((match) => {
    const module = resolve(file, '..', match[1]);
    return existsSync(`${module}.tsx`) ? `${module}.tsx` : `${module}.ts`;
  });
}

const roomOf = (file: string): string => relative(source, file).split(/[\\/]/)[0];

/** An index, or a fixture, which tests of any room may use. */
const isDoor = (file: string): boolean =>
  relative(join(source, roomOf(file)), file) === 'index.ts' || file.endsWith('.test.fixture.ts');

/** The number of a file's room; what lies in no room stands on top of them all. */
function floorOf(file: string): number {
  const [room, ...rest] = relative(source, file).split(/[\\/]/);
  if (rest.length === 0) return ROOMS.length;
  assert.ok(ROOMS.includes(room), `src/${room} is not a room`);
  return ROOMS.indexOf(room);
}

const name = (file: string): string => relative(source, file);
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
      .filter((target) => floorOf(target) !== floorOf(file) && CLOSED.includes(roomOf(target)))
      .filter((target) => !isDoor(target))
      .map((target) => `${name(file)} imports ${name(target)}`),
  );
  assert.deepEqual(past.sort(), Object.keys(REACHING).sort());
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
