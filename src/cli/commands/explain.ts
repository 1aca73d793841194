/** explain: how a model is computed. */
import type { Command } from 'commander';
import { count } from '../../base/index.js';
import { type Explanation, explainModel, explainSettings, modelSettings } from '../../runs/index.js';
import { define } from '../define.js';
import { modelOf } from '../model.js';
import { flowing, left, right, table } from '../table.js';

export function addExplain(program: Command, signal: AbortSignal): void {
  define(program, signal, {
    name: 'explain',
    argument: '[MODEL]',
    about: 'an .onnx or packed file, a run, or the name of a network of the zoo',
    groups: { 'What is explained:': explainSettings, 'Model:': modelSettings },
    examples: [
      'explain runs/e/model.onnx',
      'explain resnet20 --layer layer1.0.conv1',
      'explain resnet20 --train --step 12',
      'explain resnet20 --input-shape 3,32,32 --train --engine webgpu',
    ],
    async run({ given, argument }, face) {
      const explanation = await explainModel({ ...given, model: modelOf(argument, given) });
      const filtered = given.layer !== undefined || given.step !== undefined;
      face.result(explanation, describe(explanation, filtered));
    },
  });
}

/** Everything of a part; of a whole program the places and the words of its steps are left to filters and --json. */
function describe(explanation: Explanation, filtered: boolean): string {
  const { what, batch, runtime, machine, gpu } = explanation;
  const samples = `${batch} sample${batch > 1 ? 's' : ''}`;
  const parts = [
    `${what === 'inference' ? 'Inference' : 'A train step'} of ${samples} on ${runtime} (${machine}).`,
    ...(gpu ? [onGpu(gpu)] : []),
    titled('Core graph: what is computed, in core operators.', core(explanation)),
    titled('Fused: what one pass over memory or one core operator computes.', units(explanation)),
    ...(filtered ? [titled('Places: where values live.', places(explanation))] : []),
    titled('Steps: the kernel calls of the program.', steps(explanation)),
    ...(filtered
      ? explanation.steps.map((step) => titled(`Words of step ${step.index}, ${step.kernel}.`, words(step)))
      : ['Use --layer NAME or --step N to see places and words of a part; --json prints all of them.']),
  ];
  return parts.join('\n\n');
}

function onGpu(gpu: NonNullable<Explanation['gpu']>): string {
  const { microBatch, dispatches, update, flops, bytes, floors } = gpu;
  const short = (x: number) => Number(x.toPrecision(3));
  const all =
    update === undefined
      ? `${count(dispatches)} dispatches`
      : `${count(dispatches)} dispatches for forward and backward, with ${microBatch} samples at a time, and ${update} for the update of all parameters`;
  return `On a GPU: ${all}. The products take ${short(flops / 1e9)} GFLOP, and at least ${short(bytes / 1e9)} GB are read and written; by its data sheet an ${floors.card} needs ${short(floors.arithmeticMs)} ms for the one in float32, and ${short(floors.memoryMs)} ms for the other.`;
}

const titled = (title: string, body: string): string => `${title}\n\n${body}`;

const shaped = ({ name, shape }: { name: string; shape: readonly number[] }): string =>
  `${name} [${shape.join(', ')}]`;

const core = ({ core: nodes }: Explanation): string =>
  table(
    [
      right('node'),
      left('of'),
      left('makes'),
      left('operator'),
      flowing('from'),
      flowing('formula or settings'),
    ],
    nodes.map(({ index, layer = '', outputs, op, inputs, says }) => [
      String(index),
      layer,
      outputs.map(shaped).join(', '),
      op,
      inputs.map(shaped).join(', '),
      says,
    ]),
  );

const units = ({ units: all }: Explanation): string =>
  table(
    [right('unit'), left('of'), right('core nodes'), flowing('computes')],
    all.map(({ index, layers, core: own, makes }) => [
      String(index),
      layers.join(', '),
      own.join(', '),
      makes.join('; '),
    ]),
  );

const places = ({ places: all }: Explanation): string =>
  table(
    [left('value'), left('buffer'), right('offset'), left('unit'), left('shape'), left('strides')],
    all.map(({ value, buffer, offset, unit, shape, strides }) => [
      value,
      buffer,
      String(offset),
      unit,
      `[${shape.join(', ')}]`,
      `[${strides.join(', ')}]`,
    ]),
  );

const steps = ({ steps: all }: Explanation): string =>
  table(
    [right('step'), left('of'), left('kernel'), left('makes'), right('items'), right('way'), right('words')],
    all.map(({ index, layer = '', kernel, makes = '', items, way, words: own }) => [
      String(index),
      layer,
      kernel,
      makes,
      String(items),
      way === undefined ? '' : String(way),
      String(own.length),
    ]),
  );

const words = ({ words: all }: Explanation['steps'][number]): string =>
  table(
    [left('word'), left('kind'), left('value')],
    all.map(({ name, kind, value }) => [name, kind, value]),
  );
