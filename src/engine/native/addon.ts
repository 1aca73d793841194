/**
 * Where the native addon lies and whether it may be loaded: it holds the instructions of the processor that it was
 * built for, and another processor would die of them; and the kernels that it was built from, and programs written for
 * others would compute nonsense. So the build writes down both beside it.
 *
 * One that was compiled here comes first. Otherwise a package for the platform may carry prebuilt ones, of which the best is
 * taken that this processor can run; where there is none, WebAssembly is what is left.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, cpus, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Unavailable } from '../driver.js';

/** What addon.c exports; see there. */
export interface Addon {
  readonly names: string;
  readonly contract: string;
  readonly vector: string;
  open(bytes: number, threads: number): object;
  size(handle: object): number;
  window(handle: object, from: number, bytes: number): ArrayBuffer;
  zero(handle: object, from: number, bytes: number): void;
  run(handle: object, program: number, profile: number): Promise<void>;
  runHere(handle: object, program: number): void;
  close(handle: object, windows: ArrayBuffer[]): void;
}

/** The addon's file; beside it `${path}.json` with what it was built from. ESPALIER_NATIVE_PATH overrides it. */
export const addonPath = (): string =>
  process.env.ESPALIER_NATIVE_PATH ??
  fileURLToPath(new URL(`../../../build/${platform()}-${arch()}/espalier.node`, import.meta.url));

/** The line of the processor's features, as Linux tells them; empty elsewhere. */
function featureLine(): string {
  const about = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
  return about.match(/^(flags|Features)\s*:.*$/m)?.[0] ?? '';
}

const features = (): ReadonlySet<string> => new Set(featureLine().split(/\s+/));

/** Names this processor: equal names can run each other's machine code. */
export function processor(): string {
  const model = cpus()[0]?.model ?? 'unknown';
  return `${arch()} ${model} ${createHash('sha256').update(featureLine()).digest('hex').slice(0, 16)}`;
}

/** The package that carries prebuilt addons for a platform: `espalier-linux-x64`. */
export const prebuiltPackage = (system: string = platform(), machine: string = arch()): string =>
  `espalier-${system}-${machine}`;

/** The processors that addons are prebuilt for, as compilers name them, the best first; and the features that each takes. */
export const prebuilds: Readonly<Record<string, readonly { cpu: string; features: readonly string[] }[]>> = {
  x64: [
    { cpu: 'x86-64-v4', features: ['avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl'] },
    { cpu: 'x86-64-v3', features: ['avx2', 'fma', 'bmi1', 'bmi2', 'f16c', 'movbe', 'abm'] },
    { cpu: 'x86-64', features: [] },
  ],
  arm64: [{ cpu: 'generic', features: [] }],
};

/** The best processor that addons are prebuilt for, of those that have no more than these features. */
export const bestPrebuild = (machine: string, has: ReadonlySet<string>): string | undefined =>
  prebuilds[machine]?.find(({ features }) => features.every((feature) => has.has(feature)))?.cpu;

const BUILD = 'npm run build:native';

const source = (path: string): URL => new URL(`../../../${path}`, import.meta.url);

/** A hash of all that the addon is built from. */
export function sources(): string {
  const kernels = readdirSync(source('src/engine/kernels')).filter((name) => /\.[ch]$/.test(name));
  const hash = createHash('sha256');
  for (const path of [
    'scripts/build-native.mjs',
    'src/engine/native/addon.c',
    ...kernels.sort().map((name) => `src/engine/kernels/${name}`),
  ])
    hash.update(path).update(readFileSync(source(path)));
  return hash.digest('hex');
}

/** Loads the addon that was built here, else a prebuilt one, or throws {@link Unavailable} with the reason. */
export function loadAddon(): Addon {
  try {
    return createRequire(import.meta.url)(findAddon());
  } catch (error) {
    if (error instanceof Unavailable) throw error;
    throw new Unavailable((error as Error).message.split('\n')[0]);
  }
}

function findAddon(): string {
  const own = addonPath();
  const refused = refusalOf(own);
  if (!refused) return own;
  const prebuilt = process.env.ESPALIER_NATIVE_PATH ? undefined : prebuiltPath();
  if (!prebuilt) throw new Unavailable(refused);
  return prebuilt;
}

/** Why the addon that was built here cannot be taken; undefined where it can. */
function refusalOf(path: string): string | undefined {
  if (!existsSync(path)) return `it has not been built here (${BUILD} builds it)`;
  const built = stampOf(path);
  if (built.processor !== processor()) return `it was built for another processor (${BUILD} builds it anew)`;
  if (built.sources !== sources())
    return `it was built from other kernels than these (${BUILD} builds it anew)`;
  return undefined;
}

/** The addon of the package for this platform, for the best instruction set that the processor has. */
function prebuiltPath(): string | undefined {
  const name = prebuiltPackage();
  const folder = folderOf(name);
  const cpu = bestPrebuild(arch(), features());
  const path = folder && cpu && join(folder, `${cpu}.node`);
  if (!path || !existsSync(path)) return undefined;
  if (stampOf(path).sources !== sources())
    throw new Unavailable(
      `${name} holds other kernels than these; install the same version of both packages`,
    );
  return path;
}

const folderOf = (name: string): string | undefined => {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
};

/** What the build wrote down beside an addon. */
const stampOf = (path: string): { processor?: string; sources?: string } =>
  existsSync(`${path}.json`) ? JSON.parse(readFileSync(`${path}.json`, 'utf8')) : {};
