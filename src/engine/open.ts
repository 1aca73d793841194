/** Opens machines in Node: native where that is to be had, else WebAssembly. */
import { availableParallelism } from 'node:os';
import { fail, visible } from '../base/index.js';
import { type ApartOptions, apart } from './apart.js';
import { type Driver, type EngineName, Unavailable } from './driver.js';
import { type Machine, machineOver, type Sparse, threadCount } from './machine.js';
import { openNative } from './native/native.js';
import { nodeHost } from './wasm/node.js';
import { type Host, openWasm } from './wasm/wasm.js';
import { openWebGpuInNode } from './webgpu/node.js';

/** Which engine computes, and on how many threads. */
export interface MachineChoice {
  /** Default: ESPALIER_ENGINE, else native where it is to be had; `webgpu` is taken only where it is asked for. */
  engine?: EngineName;
  /** Number of threads. Default: ESPALIER_THREADS, else the cores there are. */
  threads?: number;
}

/** Options of {@link openMachine}. */
export interface MachineOptions extends MachineChoice {
  /** Default: ESPALIER_SPARSE, else auto. */
  sparse?: Sparse;
  /** Whether a GPU takes the times of its steps, which makes it slower; other engines always do. Default false. */
  timed?: boolean;
  /** Whether a GPU may add up by its subgroups, which changes no bit of any result. Default true. */
  subgroups?: boolean;
}

let fallbackTold = false;

/** The engine that is asked for by a setting, or else by ESPALIER_ENGINE. */
export const engineAsked = (engine?: EngineName): string | undefined => engine ?? process.env.ESPALIER_ENGINE;

/** Opens a machine. Throws UserError on settings that cannot be met. */
export async function openMachine(options: MachineOptions = {}): Promise<Machine> {
  const engine = engineAsked(options.engine);
  const asked = options.engine === undefined ? 'ESPALIER_ENGINE=' : '--engine ';
  const threads = threadCount(
    options.threads ?? process.env.ESPALIER_THREADS,
    availableParallelism(),
    '--threads or ESPALIER_THREADS',
  );
  const sparse = sparseOf(options.sparse ?? process.env.ESPALIER_SPARSE);
  switch (engine) {
    case 'native':
    case 'wasm':
    case 'webgpu':
      return machineOver(await openOnly(engine, { ...options, threads }, asked), sparse);
    case undefined:
    case '':
      return machineOver(await openBest(threads), sparse);
    // For tests (docs/testing.md), so it is in no list of engines.
    case 'apart':
      return openApart({ threads, sparse });
    default:
      return fail(
        `${options.engine === undefined ? 'ESPALIER_ENGINE' : 'The engine'} is "${engine}", but must be native, wasm or webgpu: correct it.`,
      );
  }
}

/**
 * Opens a machine for tests whose memory is apart from the host's, over the engine that is named, else the one that machines have
 * here by default.
 */
export async function openApart({
  threads = 1,
  sparse,
  engine = process.env.ESPALIER_ENGINE === 'wasm' ? 'wasm' : undefined,
  ...options
}: MachineOptions & ApartOptions = {}): Promise<Machine> {
  const open = (count: number) => (engine ? openOnly(engine, { threads: count }) : openBest(count));
  return machineOver(apart(await open(threads), await open(1), options), sparse);
}

function sparseOf(asked: string | undefined): Sparse {
  switch (asked) {
    case undefined:
    case '':
      return 'auto';
    case 'auto':
    case 'always':
    case 'never':
      return asked;
    default:
      return fail(`ESPALIER_SPARSE is "${asked}", but must be auto, always or never: correct it.`);
  }
}

/** ESPALIER_WASM=simd128 leaves relaxed-simd out also where the host has it, so that both kinds of module can be tried there. */
function wasmFeatures(): Pick<Host, 'relaxed'> {
  const asked = process.env.ESPALIER_WASM;
  if (!asked) return {};
  if (asked === 'simd128') return { relaxed: false };
  return fail(`ESPALIER_WASM is "${asked}", but must be simd128 or unset: correct it.`);
}

type Wanted = Pick<MachineOptions, 'timed' | 'subgroups'> & { threads: number };

const openers: Record<EngineName, (wanted: Wanted) => Driver | Promise<Driver>> = {
  native: ({ threads }) => openNative(threads),
  wasm: ({ threads }) => openWasm({ ...nodeHost, ...wasmFeatures() }, threads),
  webgpu: ({ timed, subgroups }) => openWebGpuInNode({ timed, subgroups }),
};

/** @param asked that by which another engine is asked for. */
async function openOnly(
  engine: EngineName,
  wanted: Wanted,
  asked: '--engine ' | 'ESPALIER_ENGINE=' = 'ESPALIER_ENGINE=',
): Promise<Driver> {
  try {
    return await openers[engine](wanted);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    const other = engine === 'native' ? 'wasm' : 'native';
    return fail(`The ${engine} engine cannot be used: ${error.message}; use ${asked}${other} instead.`);
  }
}

async function openBest(threads: number): Promise<Driver> {
  try {
    return openNative(threads);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    if (!fallbackTold)
      process.stderr.write(`espalier: slower without the native engine: ${visible(error.message)}.\n`);
    fallbackTold = true;
    return openOnly('wasm', { threads });
  }
}
