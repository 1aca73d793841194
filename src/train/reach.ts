/**
 * What of a run's memory a hook reads and writes. Where a machine has a memory of its own, as a GPU has, the trainer brings what is
 * read to the host before the hook acts and hands back what was written after it; on CPUs there is nothing to do.
 */
import type { Network, SlotPart, Training } from '../engine/index.js';

/** The learnt parameters; the running statistics; and of the parameters that are trained, three arrays beside each. */
export type ReachPart = 'weights' | 'running' | 'gradients' | 'optimizer' | 'masks';

/** Of each part that is reached: the names of the initialisers, or all. */
export type Reached = Readonly<Partial<Record<ReachPart, 'all' | readonly string[]>>>;

/** What a hook reads before it writes, and what it writes. */
export interface Access {
  /** Read, or written in part: what is not written keeps what was read. */
  reads?: Reached;
  /** Written; the whole arrays are taken over. */
  writes?: Reached;
}

/** All but the gradients, which every step makes anew. */
export const kept: Reached = { weights: 'all', running: 'all', optimizer: 'all', masks: 'all' };

export const everything: Reached = { ...kept, gradients: 'all' };

interface Handles {
  network: Pick<Network, 'parameters' | 'state' | 'pull' | 'push'>;
  training: Pick<Training, 'slots' | 'pull' | 'push'>;
}

const slotParts: Readonly<Record<Exclude<ReachPart, 'weights' | 'running'>, SlotPart>> = {
  gradients: 'gradient',
  optimizer: 'state',
  masks: 'mask',
};

const namesOf = (reached: 'all' | readonly string[], all: ReadonlyMap<string, unknown>): readonly string[] =>
  reached === 'all' ? [...all.keys()] : reached;

/** Of the network, and of each part of the slots. */
function resolved({ network, training }: Handles, reach: Reached) {
  const { weights = [], running = [] } = reach;
  return {
    own: [...namesOf(weights, network.parameters), ...namesOf(running, network.state)],
    slots: Object.entries(slotParts).map(
      ([part, slot]) => [slot, namesOf(reach[part as ReachPart] ?? [], training.slots)] as const,
    ),
  };
}

/** Resolves when the host can read it as the last program left it. */
export async function pull(run: Handles, reach: Reached | undefined): Promise<void> {
  if (!reach) return;
  const { own, slots } = resolved(run, reach);
  await Promise.all([
    run.network.pull(own),
    ...slots.map(([part, names]) => run.training.pull([part], names)),
  ]);
}

/** The next program takes it as the host left it. */
export function push(run: Handles, reach: Reached | undefined): void {
  if (!reach) return;
  const { own, slots } = resolved(run, reach);
  run.network.push(own);
  for (const [part, names] of slots) run.training.push([part], names);
}
