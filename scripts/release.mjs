/**
 * Makes what is published: the package itself, and a package of prebuilt native addons for every platform that this machine has
 * a compiler for. Needs what `npm run build` makes.
 *
 *     node scripts/release.mjs      writes build/release/*.tgz
 *
 * A macOS package is built on macOS. Each addon package holds an addon for every instruction set that the engine chooses among;
 * espalier asks for them as optional dependencies, so that npm installs the one that fits and no script runs.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prebuilds, prebuiltPackage } from '../dist/engine/native/addon.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = join(root, 'build/release');
const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'));
const write = (path, value) => writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
const about = read('package.json');

/** Platforms that addons are published for, and what compiles for them here. */
const platforms = [
  { system: 'linux', arch: 'x64', compiler: process.arch === 'x64' ? 'cc' : 'x86_64-linux-gnu-gcc' },
  { system: 'linux', arch: 'arm64', compiler: process.arch === 'arm64' ? 'cc' : 'aarch64-linux-gnu-gcc' },
  { system: 'darwin', arch: 'arm64', compiler: 'cc' },
  { system: 'darwin', arch: 'x64', compiler: 'cc' },
];

function run(command, args, options = {}) {
  const { status, stdout } = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    ...options,
  });
  if (status !== 0) {
    process.stderr.write(`espalier: ${command} ${args.join(' ')} failed: see above.\n`);
    process.exit(1);
  }
  return stdout;
}

/** Packs a folder as npm does, and returns the name and the size of what it made. */
function pack(folder) {
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', out];
  return JSON.parse(run('npm', args, { cwd: folder }))[0];
}

function packed(folder) {
  const { filename, size } = pack(folder);
  console.log(`${filename}: ${(size / 1e6).toFixed(2)} MB`);
}

/** A folder with an addon for each instruction set; undefined where nothing here compiles for the platform. */
function addons({ system, arch, compiler }) {
  const name = prebuiltPackage(system, arch);
  const foreign = system !== process.platform || spawnSync(compiler, ['--version']).status !== 0;
  if (foreign) return console.log(`skipped: ${name} (no compiler for it here)`);
  const folder = join(out, name);
  mkdirSync(folder, { recursive: true });
  for (const { cpu } of prebuilds[arch]) {
    const path = join(folder, `${cpu}.node`);
    const env = {
      ...process.env,
      CC: compiler,
      ESPALIER_ARCH: arch,
      ESPALIER_CPU: cpu,
      ESPALIER_NATIVE_PATH: path,
    };
    run(process.execPath, ['scripts/build-native.mjs'], { cwd: root, env });
    if (!existsSync(path)) process.exit(1);
  }
  const { version, license, repository } = about;
  const description = `Prebuilt kernels of espalier for ${system} on ${arch}.`;
  write(join(folder, 'package.json'), {
    ...{ name, version, description, license, repository },
    ...{ os: [system], cpu: [arch], files: ['*.node', '*.node.json'] },
  });
  cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  return folder;
}

/** The package as npm packs it from here, asking for the addons of its own version. */
function main() {
  const { filename } = pack(root);
  run('tar', ['xzf', join(out, filename), '-C', out]);
  const folder = join(out, 'package');
  const names = platforms.map(({ system, arch }) => prebuiltPackage(system, arch));
  const { devDependencies: _, scripts: __, ...published } = about;
  const optionalDependencies = Object.fromEntries(names.map((name) => [name, about.version]));
  write(join(folder, 'package.json'), { ...published, optionalDependencies });
  packed(folder);
  rmSync(folder, { recursive: true });
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
for (const platform of platforms) {
  const folder = addons(platform);
  if (folder) packed(folder);
}
main();
