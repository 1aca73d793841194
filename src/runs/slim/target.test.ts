import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../base/index.js';
import { secondsFrom, targetFrom } from './target.js';

test('targets are read as people write them', () => {
  const cases: Record<string, object> = {
    '50%': { macs: 0.5 },
    '0.5': { macs: 0.5 },
    '50 % of MACs': { macs: 0.5 },
    'macs=0.5': { macs: 0.5 },
    '40M MACs': { macs: '40M' },
    '60% of the parameters': { params: 0.6 },
    '300k params': { params: '300k' },
    '2MB': { bytes: '2MB' },
    '2 MB': { bytes: '2MB' },
    'size 50%': { bytes: 0.5 },
    '5ms': { latency: '5ms' },
    'latency: 50%': { latency: 0.5 },
    '90% sparsity': { sparsity: 0.9 },
    'sparsity 0.9': { sparsity: 0.9 },
    '50% of channels': { channels: 0.5 },
  };
  for (const [text, target] of Object.entries(cases)) assert.deepEqual(targetFrom(text), target, text);
});

test('what is no target is refused with examples', () => {
  for (const text of ['half', 'macs', '50% macs 20% sparsity', 'sparsity 2MB', '-5', 'macs bytes 5'])
    assert.throws(() => targetFrom(text), UserError, text);
});

test('times are read as people write them', () => {
  const cases = { '90s': 90, '10m': 600, '10 min': 600, '1h30m': 5400, '0.5h': 1800, '2 hours': 7200 };
  for (const [text, seconds] of Object.entries(cases)) assert.equal(secondsFrom(text), seconds, text);
  for (const text of ['10', 'm', '0s', 'soon', '10m later'])
    assert.throws(() => secondsFrom(text), UserError);
});
