/** What becomes of a GPU's work when the device goes, or has no memory left: one sentence. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../base/index.js';
import { graphOf } from '../../graph/graph.test.fixture.js';
import { openGpu } from '../gpu.test.fixture.js';
import { loadNetwork, type Machine, machineOver } from '../index.js';
import { openWebGpu } from './driver.js';

/** A GPU whose device the test has in its hands. */
async function held(): Promise<{ machine: Machine; device: GPUDevice }> {
  const { create } = (await import(process.env.ESPALIER_WEBGPU || 'webgpu')) as {
    create(flags: readonly string[]): GPU;
  };
  const gpu = create([]);
  let device: GPUDevice | undefined;
  const watched = {
    async requestAdapter(options: GPURequestAdapterOptions) {
      const adapter = (await gpu.requestAdapter(options))!;
      const { features, limits, info } = adapter;
      const requestDevice = async (wanted: GPUDeviceDescriptor) => {
        device = await adapter.requestDevice(wanted);
        return device;
      };
      return { features, limits, info, requestDevice };
    },
  } as unknown as GPU;
  const machine = machineOver(await openWebGpu(watched));
  return { machine, device: device! };
}

/** A program that doubles four numbers. */
function doubling(machine: Machine) {
  const graph = graphOf({
    inputs: { x: ['N', 4] },
    nodes: [['Add', ['x', 'x'], 'y']],
    outputs: { y: ['N', 4] },
  });
  return loadNetwork(graph, { machine }).inference({ batch: 1 });
}

const four = Float32Array.of(1, 2, 3, 4);

test('a device that is lost is a sentence, in what was under way and in all that follows', async (t) => {
  const gpu = await openGpu();
  if (typeof gpu === 'string') return t.skip(gpu);
  await gpu.close();
  const { machine, device } = await held();
  const program = doubling(machine);
  assert.deepEqual([...(await program.run({ x: four }, 1)).y], [2, 4, 6, 8]);
  const last = program.run({ x: four }, 1);
  device.destroy();
  await device.lost;
  const refused = (error: Error) =>
    error instanceof UserError &&
    /^The GPU was lost \(.+\); start again: a run goes on from its last checkpoint\.$/.test(error.message);
  await assert.rejects(last, refused);
  await assert.rejects(program.run({ x: four }, 1), refused);
  await machine.close();
});

test('more memory than a GPU has is a sentence, and what was there stays', async (t) => {
  const gpu = await openGpu();
  if (typeof gpu === 'string') return t.skip(gpu);
  const program = doubling(gpu);
  assert.throws(
    () => gpu.allocate(2 ** 40),
    (error: Error) =>
      error instanceof UserError &&
      /^Not enough memory: .* use a smaller batch or network\.$/.test(error.message),
  );
  assert.deepEqual([...(await program.run({ x: four }, 1)).y], [2, 4, 6, 8]);
  await gpu.close();
});
