/**
 * A model, and data where there are any, opened once for all that a command does with them: the rules that look at both to choose
 * settings, the checks before a run, the run itself. A machine is opened, and the weights are loaded, when somebody first asks for them.
 */
import { loadNetwork, type Machine, type MachineChoice, type Network, openMachine } from '../engine/index.js';
import type { Graph } from '../onnx/index.js';
import { tellingOf } from './pictures.js';
import { WITHOUT_DATA } from './recipe.js';
import { type ModelTask, openStart, openTask, type Task, type TaskOptions } from './task.js';
import type { Opened, RunOptions } from './work.js';

/**
 * Opens the model and the data of a run; `start` stands in for the model where it has been read already.
 * @throws UserError when either is missing or unsound, or they do not fit.
 */
export async function openFor(
  settings: TaskOptions & MachineChoice,
  { onNote }: Pick<RunOptions, 'onNote'>,
  start?: Graph,
): Promise<Opened> {
  const alone = settings.data === WITHOUT_DATA ? await openStart(settings, start) : undefined;
  for (const note of alone?.notes ?? []) onNote?.(note);
  const task = alone ?? (await openTask({ ...settings, onPictures: tellingOf(onNote) }, start));
  const { threads, engine } = settings;
  return holding(task, { threads, engine });
}

/** Holds a task, and what it is computed with. */
function holding(task: ModelTask | Task, where: MachineChoice): Opened {
  let machine: Promise<Machine> | undefined;
  let network: Promise<Network> | undefined;
  const running = () => {
    machine ??= openMachine(where);
    return machine;
  };
  const load = async () =>
    loadNetwork(task.graph, { machine: await running(), inputShapes: task.inputShapes });
  const unload = async () => {
    const loaded = network;
    network = undefined;
    (await settled(loaded))?.close();
  };
  return {
    task,
    machine: running,
    network() {
      network ??= load();
      return network;
    },
    unload,
    async close() {
      await unload();
      const before = machine;
      machine = undefined;
      await (await settled(before))?.close();
    },
  };
}

/** What a promise gives; nothing where it fails, which whoever asked for it has been told. */
const settled = <T>(promise: Promise<T> | undefined): Promise<T | undefined> =>
  Promise.resolve(promise).catch(() => undefined);
