/**
 * Where the native addon lies and whether it may be loaded: it holds the instructions of the processor that it was
 * built on, and another processor would die of them; and the kernels that it was built from, and programs written for
 * others would compute nonsense. So the build writes down both beside it.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, cpus, platform } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Unavailable } from '../driver.js';

/** What addon.c exports; see there. */
export interface Addon {
  readonly names: string;
  readonly vector: string;
  readonly lanes: number;
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

/** Names this processor: equal names can run each other's machine code. */
export function processor(): string {
  const about = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
  const features = about.match(/^(flags|Features)\s*:.*$/m)?.[0] ?? '';
  const model = cpus()[0]?.model ?? 'unknown';
  return `${arch()} ${model} ${createHash('sha256').update(features).digest('hex').slice(0, 16)}`;
}

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

/** Loads the addon, or throws {@link Unavailable} with the reason. */
export function loadAddon(): Addon {
  const path = addonPath();
  if (!existsSync(path)) throw new Unavailable('it has not been built here (npm run build:native builds it)');
  const stamp = `${path}.json`;
  const built = existsSync(stamp) ? JSON.parse(readFileSync(stamp, 'utf8')) : {};
  if (built.processor !== processor())
    throw new Unavailable('it was built for another processor (npm run build:native builds it anew)');
  if (built.sources !== sources())
    throw new Unavailable('it was built from other kernels than these (npm run build:native builds it anew)');
  try {
    return createRequire(import.meta.url)(path);
  } catch (error) {
    throw new Unavailable((error as Error).message.split('\n')[0]);
  }
}
