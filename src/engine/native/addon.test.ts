import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bestPrebuild, prebuiltPackage } from './addon.js';

test('the best prebuilt addon that a processor can run is chosen', () => {
  const v3 = ['avx', 'avx2', 'fma', 'bmi1', 'bmi2', 'f16c', 'movbe', 'abm'];
  const v4 = [...v3, 'avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl'];
  assert.equal(bestPrebuild('x64', new Set(v4)), 'x86-64-v4');
  assert.equal(bestPrebuild('x64', new Set(v4.filter((feature) => feature !== 'avx512dq'))), 'x86-64-v3');
  assert.equal(bestPrebuild('x64', new Set(['sse2', 'avx'])), 'x86-64');
  assert.equal(bestPrebuild('arm64', new Set()), 'generic');
  assert.equal(bestPrebuild('riscv64', new Set()), undefined);
  assert.equal(prebuiltPackage('linux', 'arm64'), 'espalier-linux-arm64');
});
