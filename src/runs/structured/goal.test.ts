import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findChannels, unitsOf } from '../../channels/index.js';
import { buildNetwork } from '../../nn/index.js';
import { type GivenTarget, targetOf } from './defaults.js';
import { goalOf } from './goal.js';
import { amountOf } from './settings.js';

test('amounts have units, fractions none', () => {
  const cases: [object, GivenTarget | undefined][] = [
    [{ macs: 0.5 }, { of: 'macs', fraction: 0.5 }],
    [{ macs: '40M' }, { of: 'macs', atMost: 40e6 }],
    [{ macs: '1.5 GMACs' }, { of: 'macs', atMost: 1.5e9 }],
    [{ params: 300000 }, { of: 'params', atMost: 300000 }],
    [{ bytes: '2MB' }, { of: 'bytes', atMost: 2e6 }],
    [{ latency: '0.5ms' }, { of: 'latency', atMost: 0.5 }],
    [{ latency: 0.5 }, { of: 'latency', fraction: 0.5 }],
    [{ channels: 1 }, { of: 'channels', fraction: 1 }],
    [{}, undefined],
  ];
  for (const [given, target] of cases) assert.deepEqual(targetOf(given as Record<string, unknown>), target);
  for (const text of ['', 'half', '5x', '-3', '2 MB more'])
    assert.equal(amountOf(text, 'B'), undefined, text);
});

test('more than the whole is no target', () => {
  for (const of of ['macs', 'params', 'bytes', 'latency'])
    assert.throws(() => targetOf({ [of]: 1.2 }), {
      name: 'UserError',
      message: new RegExp(`1\\.2 is more than the whole model: .* --${of} 0\\.5`),
    });
});

test('rounds go in a straight line to the target', async () => {
  const graph = buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 1, width: 0.5 });
  const whole = { graph, channels: findChannels(graph) };
  const cost = () => 1000;
  const atMost = async (target: GivenTarget, part: number) => {
    const goal = await goalOf({ target, cost }, whole, part);
    return 'atMost' in goal ? Math.round(goal.atMost) : assert.fail();
  };
  assert.equal(await atMost({ of: 'macs', fraction: 0.4 }, 0.5), 700);
  assert.equal(await atMost({ of: 'macs', fraction: 0.4 }, 1), 400);
  assert.equal(await atMost({ of: 'macs', atMost: 500 }, 0.2), 900);
  const units = unitsOf(whole.channels);
  assert.equal(await atMost({ of: 'channels', fraction: 0.5 }, 0.5), Math.round(0.75 * units));
});
