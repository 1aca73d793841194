/**
 * The style of the sources: Biome for TypeScript and JavaScript, clang-format for C where it is installed.
 *
 *     node scripts/style.mjs [--write]      ends with status 1 where something is not in style; --write puts it right
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const rooms = ['src/engine/kernels', 'src/engine/native'];
/** Generated from contract.yaml. */
const generated = join('src/engine/kernels', 'arguments.h');

const isC = (file) => /\.[ch]$/.test(file) && file !== generated;
const allC = () => rooms.flatMap((room) => readdirSync(room).map((name) => join(room, name))).filter(isC);

const passes = (command, args) => spawnSync(command, args, { stdio: 'inherit' }).status === 0;

/** The version that .clang-format is written for: others break lines elsewhere. */
const findClangFormat = () =>
  ['clang-format-19', 'clang-format'].find((command) =>
    spawnSync(command, ['--version'], { encoding: 'utf8' }).stdout?.includes(' 19.'),
  );

function checkC(sources, write) {
  if (sources.length === 0) return true;
  const command = findClangFormat();
  if (command) return passes(command, [...(write ? ['-i'] : ['--dry-run', '--Werror']), ...sources]);
  process.stdout.write('The style of the C sources is not checked: there is no clang-format 19.\n');
  return true;
}

/** Whether `files`, all sources by default, are in style; prints what is not, or puts it right with `write`. */
export function checkStyle({ files, write = false } = {}) {
  const biome = [
    'node_modules/@biomejs/biome/bin/biome',
    'check',
    '--no-errors-on-unmatched',
    ...(write ? ['--write'] : []),
  ];
  const others = files?.length === 0 || passes(process.execPath, [...biome, ...(files ?? [])]);
  return checkC(files?.filter(isC) ?? allC(), write) && others;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.chdir(fileURLToPath(new URL('..', import.meta.url)));
  process.exit(checkStyle({ write: process.argv.includes('--write') }) ? 0 : 1);
}
