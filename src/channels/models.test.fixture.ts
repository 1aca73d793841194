/** For tests and docs/models.md: every real model and the zoo, what can be removed of each, and what is left of a half. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openShapes } from '../engine/open-shapes.test.fixture.js';
import { originIn, summarize } from '../graph/index.js';
import { buildNetwork, zoo } from '../nn/index.js';
import { type Graph, readModel, serializeModel } from '../onnx/index.js';
import { bytesIn, drawn, halved, type Setting, sameComputed } from './equivalence.test.fixture.js';
import { type Channels, findChannels, type Selection, unitsOf, weightsAsInitializers } from './index.js';

/** Before, and when half of the units of every group are gone. */
export type Change = readonly [whole: number, half: number];

/** What must come of a model. */
export interface Expected {
  groups: number;
  units: number;
  /** What keeps axes of weights whole, in short, with how many axes. */
  frozen: Readonly<Record<string, number>>;
  macs: Change;
  params: Change;
  /** Of the file. */
  bytes: Change;
}

export interface Model {
  graph: Graph;
  setting: Setting;
}

const shared = (path: string): string => fileURLToPath(new URL(`../../../shared/${path}`, import.meta.url));

/** The folders of models beside the checkout that are there. */
export const folders = ['models', 'weights'].filter((folder) => existsSync(shared(folder)));

/** Names of all models there are, by folder, and of the zoo. */
export const modelNames: readonly string[] = [
  ...folders.flatMap((folder) =>
    readdirSync(shared(folder))
      .filter((file) => file.endsWith('.onnx'))
      .sort()
      .map((file) => `${folder}/${file.slice(0, -'.onnx'.length)}`),
  ),
  ...Object.keys(zoo).map((name) => `zoo/${name}`),
];

/**
 * A model with all weights as initialisers, drawn where the file's are all equal; those of the zoo have a quarter of their width
 * and images of 64×64.
 * @throws UserError when it cannot be read.
 */
export async function openModel(name: string): Promise<Model> {
  const [folder, network] = name.split('/');
  if (folder === 'zoo') {
    const shape: [number, number, number] = network === 'lenet5' ? [1, 28, 28] : [3, 64, 64];
    const graph = buildNetwork(network, { shape, classes: 10, seed: 1, width: 0.25 });
    return { graph: drawn(graph), setting: {} };
  }
  const graph = weightsAsInitializers(await readModel(shared(`${name}.onnx`)));
  return {
    graph: network.startsWith('light_') ? drawn(graph) : graph,
    setting: { inputShapes: openShapes[network] },
  };
}

/** Half of the units of every group, drawn at random. */
export const halfOf = (channels: Channels): Selection => halved(channels, 1);

/** What became of a model, its half being without the units that {@link halfOf} takes. */
export function factsOf({ graph, setting }: Model, channels: Channels, half: Graph): Expected {
  const frozen: Record<string, number> = {};
  for (const { reason } of channels.frozen) frozen[inShort(reason)] = (frozen[inShort(reason)] ?? 0) + 1;
  const change = (measure: (graph: Graph) => number): Change => [measure(graph), measure(half)];
  return {
    groups: channels.groups.length,
    units: unitsOf(channels),
    frozen,
    macs: change((g) => summarize(g, setting).macs),
    params: change((g) => summarize(g, setting).params),
    bytes: change((g) => serializeModel(g).length),
  };
}

/** Weights that nothing is said of: neither is what they produce in a group, nor is there a reason why not. */
export function leftOut({ graph, setting }: Model, { groups, frozen }: Channels): string[] {
  const said = new Set(
    [...groups.flatMap(({ members }) => members), ...frozen].map(({ tensor, role }) => `${role} ${tensor}`),
  );
  const origin = originIn(graph);
  const weights = summarize(graph, setting).layers.flatMap(({ prunable }) => prunable);
  return weights.map((name) => origin(name) ?? name).filter((name) => !said.has(`out ${name}`));
}

/** 'mixed by LRN': a reason without names of nodes and values. */
const inShort = (reason: string): string =>
  reason.replace(/ \(?'[^']*'\)?/g, '').replace(/^(its positions are|it is|it has) /, '');

const large = ['densenet_small', 'mobilenetv2_int8_qdq'];

/** Models that take seconds each. */
export const isLarge = (name: string): boolean =>
  name.startsWith('models/light_') || large.some((other) => name === `models/${other}`);

/** A model is refused, or is what the manifest says, and computes the same masked as shrunk. */
export async function holds(
  t: TestContext,
  name: string,
  expected: Expected | { refused: string },
): Promise<void> {
  if (!modelNames.includes(name) && !folders.includes(name.split('/')[0]))
    return t.skip(`${name}.onnx is not there`);
  if ('refused' in expected) {
    await assert.rejects(openModel(name), ({ message }: Error) => message.includes(expected.refused));
    return;
  }
  const model = await openModel(name);
  const { graph, setting } = model;
  const channels = findChannels(graph, setting);
  assert.deepEqual(leftOut(model, channels), []);

  const half = await sameComputed(graph, channels, halfOf(channels), setting);
  const { bytes, ...facts } = factsOf(model, channels, half);
  const { bytes: size, ...others } = expected;
  assert.deepEqual(facts, others);
  for (const i of [0, 1]) assert.ok(Math.abs(bytes[i] / size[i] - 1) < 0.01, `${bytes[i]} bytes`);
  const weights = bytesIn(graph) - bytesIn(half);
  assert.ok(bytes[0] - bytes[1] >= 0.98 * weights, 'the file shrinks as its weights do');

  const large = name.startsWith('models/light_');
  if (!large) {
    const rounded = await sameComputed(graph, channels, halved(channels, 8, 0.5, 8), setting);
    assert.ok(channels.groups.length === 0 || serializeModel(rounded).length < bytes[0]);
  }
}
