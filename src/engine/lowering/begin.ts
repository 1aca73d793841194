/** What the engine and espalier/runtime write every program with. */
import { type CoreNode, everyNode, type Type } from '../../graph/index.js';
import { sizeOf } from '../../onnx/index.js';
import type { Machine } from '../machine.js';
import { callsTo } from './calls.js';
import { LANES, type Place, wholePlace } from './place.js';
import type { Lowering, Step } from './steps.js';

/** A program without steps, and the calls that add to them. */
export function beginSteps(machine: Machine): Pick<Lowering, 'machine' | 'steps' | 'call'> {
  const steps: Step[] = [];
  const call = callsTo({
    told: machine.told,
    step: (kernel, items, words) => steps.push({ kernel, items, words }),
    scratch: (lines) => ({ laned: false, size: lines * LANES * machine.threads }),
  });
  return { machine, steps, call };
}

/** The place of an input, written before the program runs. */
export const inputPlace = ({ shape, laned }: Pick<Type, 'shape' | 'laned'>): Place =>
  wholePlace({ laned, size: sizeOf(shape), given: true }, shape);

/** By value: the node that it comes from, those of loops' bodies among them. */
export const makersOf = (nodes: readonly CoreNode[]): Map<string, CoreNode> =>
  new Map(everyNode(nodes).flatMap((node) => node.outputs.map((name) => [name, node] as const)));
