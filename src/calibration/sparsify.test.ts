import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normal, random } from '../base/index.js';
import { inverseOf } from './dense.test.fixture.js';
import { byTap, sparsified } from './sparsify.js';

const DAMPING = 0.01;

function layer(name: string, { groups = 1, outputs = 3, inner = 9 } = {}) {
  const draw = random(11, name);
  const gram = new Float64Array(groups * inner * inner);
  for (let g = 0; g < groups; g++)
    for (let n = 0; n < inner + 20; n++) {
      const u = Array.from({ length: inner }, (_, j) => normal(draw) * (1 + (j % 3)));
      const mixed = u.map((x, j) => x + 0.5 * u[(j + 1) % inner]);
      for (let i = 0; i < inner; i++)
        for (let j = 0; j < inner; j++) gram[(g * inner + i) * inner + j] += mixed[i] * mixed[j];
    }
  const matrix = Float64Array.from({ length: outputs * inner }, () => normal(draw));
  return { moments: { gram, groups, inner, outputs }, matrix };
}

const sum = (marks: Uint8Array) => marks.reduce((total, mark) => total + mark, 0);

test('Wanda: of each row those of greatest |w|·‖u‖ stay as they are, exactly so many', () => {
  const { moments, matrix } = layer('wanda', { groups: 2, outputs: 4, inner: 9 });
  const found = sparsified(matrix, moments, { how: 'wanda', kept: 14 })!;
  assert.equal(sum(found.marks), 14);
  for (let o = 0; o < 4; o++) {
    const scores = Array.from({ length: 9 }, (_, j) => {
      const norm = Math.sqrt(moments.gram[(Math.floor(o / 2) * 9 + j) * 9 + j]);
      return Math.abs(matrix[o * 9 + j]) * norm;
    });
    const marks = [...found.marks.subarray(o * 9, (o + 1) * 9)];
    const [gone, stay] = [0, 1].map((mark) => scores.filter((_, j) => marks[j] === mark));
    assert.ok(Math.max(...gone) <= Math.min(...stay) && [3, 4].includes(stay.length));
    for (let j = 0; j < 9; j++) assert.equal(found.matrix[o * 9 + j], marks[j] ? matrix[o * 9 + j] : 0);
  }
});

/**
 * SparseGPT by its definition: for every column the inverse of what is left of H is taken anew, and a weight that goes moves those behind it by
 * optimal brain surgery.
 */
function byDefinition(
  { moments: { gram, inner, outputs }, matrix }: ReturnType<typeof layer>,
  kept: number,
  block: number,
) {
  const mean = Array.from({ length: inner }, (_, i) => gram[i * inner + i]).reduce((a, b) => a + b) / inner;
  const h = Array.from({ length: inner }, (_, i) =>
    Array.from({ length: inner }, (_, j) => gram[i * inner + j] + (i === j ? DAMPING * mean : 0)),
  );
  const inverses = Array.from({ length: inner }, (_, j) => inverseOf(h.slice(j).map((row) => row.slice(j))));
  const w = matrix.slice();
  const marks = new Uint8Array(w.length);
  for (let start = 0; start < inner; start += block) {
    const end = Math.min(inner, start + block);
    const count = Math.floor((kept * end) / inner) - Math.floor((kept * start) / inner);
    const scored: { at: number; score: number }[] = [];
    for (let o = 0; o < outputs; o++)
      for (let j = start; j < end; j++)
        scored.push({ at: o * inner + j, score: w[o * inner + j] ** 2 / inverses[j][0][0] });
    for (const { at } of scored.sort((a, b) => b.score - a.score).slice(0, count)) marks[at] = 1;
    for (let j = start; j < end; j++)
      for (let o = 0; o < outputs; o++) {
        if (marks[o * inner + j]) continue;
        const factor = w[o * inner + j] / inverses[j][0][0];
        for (let k = j; k < inner; k++) w[o * inner + k] -= factor * inverses[j][0][k - j];
        w[o * inner + j] = 0;
      }
  }
  return { w, marks };
}

for (const inner of [9, 134])
  test(`SparseGPT: masks and weights of ${inner} columns are those of surgery column by column`, () => {
    const one = layer('surgery', { inner });
    const kept = Math.floor(1.2 * inner);
    const found = sparsified(one.matrix, one.moments, { how: 'sparsegpt', kept, damping: DAMPING })!;
    const golden = byDefinition(one, kept, 128);
    assert.deepEqual(found.marks, golden.marks);
    assert.equal(sum(found.marks), kept);
    for (const [i, x] of golden.w.entries())
      assert.ok(Math.abs(found.matrix[i] - x) < 1e-8 * (1 + Math.abs(x)), `${found.matrix[i]}, not ${x}`);
  });

for (const how of ['wanda', 'sparsegpt'] as const)
  test(`${how}: of every four neighbours two stay`, () => {
    const { moments, matrix } = layer('pattern', { inner: 12 });
    const { marks } = sparsified(matrix, moments, { how, kept: 0, pattern: { keep: 2, of: 4 } })!;
    for (let i = 0; i < marks.length; i += 4) assert.equal(sum(marks.subarray(i, i + 4)), 2);
  });

/** What a layer of one group loses of its output by other weights: Σ (Δ u)². */
function lossOf({ moments: { gram, inner, outputs }, matrix }: ReturnType<typeof layer>) {
  return (found: Float64Array): number => {
    let total = 0;
    for (let o = 0; o < outputs; o++)
      for (let i = 0; i < inner; i++)
        for (let j = 0; j < inner; j++) {
          const [a, b] = [o * inner + i, o * inner + j];
          total += (found[a] - matrix[a]) * gram[i * inner + j] * (found[b] - matrix[b]);
        }
    return total;
  };
}

test('surgery loses less of what the layer gives than zeros alone', () => {
  const one = layer('loss', { inner: 24, outputs: 5 });
  const loss = lossOf(one);
  const [zeros, repaired] = (['wanda', 'sparsegpt'] as const).map((how) =>
    loss(sparsified(one.matrix, one.moments, { how, kept: 60 })!.matrix),
  );
  assert.ok(repaired < 0.8 * zeros, `${repaired} beside ${zeros}`);
});

test('moments that are not finite are refused', () => {
  const { moments, matrix } = layer('broken');
  moments.gram[4] = Number.NaN;
  moments.gram[0] = Number.NaN;
  for (const how of ['wanda', 'sparsegpt'] as const)
    assert.equal(sparsified(matrix, moments, { how, kept: 5 }), undefined);
});

for (const how of ['wanda', 'sparsegpt'] as const)
  test(`${how} takes blocks of channels as wholes, exactly so many`, () => {
    const [taps, channels, outputs] = [3, 8, 8];
    const inner = taps * channels;
    const { moments, matrix } = layer('blocks', { groups: 2, outputs, inner });
    const pattern = { of: 4, rows: 2, order: byTap(inner, taps) };
    const found = sparsified(matrix, moments, { how, kept: 80, pattern })!;
    assert.equal(sum(found.marks), 80);
    const sums: { row: number; score: number; stays: boolean }[] = [];
    for (let o = 0; o < outputs; o += 2)
      for (let tap = 0; tap < taps; tap++)
        for (let from = 0; from < channels; from += 4) {
          const at = [0, 1, 2, 3].flatMap((c) => [o, o + 1].map((r) => r * inner + (from + c) * taps + tap));
          const marks = at.filter((i) => found.marks[i] === 1).length;
          assert.ok(marks === 0 || marks === 8);
          for (const i of at) assert.equal(found.matrix[i] !== 0, marks === 8);
          const norm = (j: number) =>
            Math.sqrt(moments.gram[(Math.floor(o / (outputs / 2)) * inner + j) * inner + j]);
          const score = at.reduce((total, i) => total + Math.abs(matrix[i]) * norm(i % inner), 0);
          sums.push({ row: o, score, stays: marks === 8 });
        }
    if (how === 'sparsegpt') return;
    for (const { row, score, stays } of sums)
      for (const other of sums)
        if (row === other.row && stays && !other.stays) assert.ok(score >= other.score);
  });

for (const how of ['wanda', 'sparsegpt'] as const)
  test(`${how} leaves 2 of 4 channels at every tap, where neighbours are those`, () => {
    const [taps, channels, outputs] = [3, 8, 4];
    const inner = taps * channels;
    const { moments, matrix } = layer('taps', { groups: 2, outputs, inner });
    const pattern = { keep: 2, of: 4, order: byTap(inner, taps) };
    const found = sparsified(matrix, moments, { how, kept: 0, pattern })!;
    for (let o = 0; o < outputs; o++)
      for (let tap = 0; tap < taps; tap++)
        for (let from = 0; from < channels; from += 4) {
          const at = [0, 1, 2, 3].map((c) => o * inner + (from + c) * taps + tap);
          assert.equal(at.filter((i) => found.marks[i] === 1).length, 2);
          assert.equal(at.filter((i) => found.matrix[i] !== 0).length, 2);
          if (how === 'sparsegpt') continue;
          const score = (i: number) => {
            const j = i % inner;
            const group = Math.floor(o / (outputs / 2));
            return Math.abs(matrix[i]) * Math.sqrt(moments.gram[(group * inner + j) * inner + j]);
          };
          const [gone, stay] = [0, 1].map((mark) => at.filter((i) => found.marks[i] === mark).map(score));
          assert.ok(Math.max(...gone) <= Math.min(...stay));
        }
  });

for (const how of ['wanda', 'sparsegpt'] as const)
  test(`${how} leaves exactly so many weights where rows, groups and inputs are zero already`, () => {
    const { moments, matrix } = layer('zeros', { groups: 2, outputs: 6, inner: 150 });
    const { inner, gram } = moments;
    for (let i = 0; i < matrix.length; i++) {
      const [row, column] = [Math.floor(i / inner), i % inner];
      if (row < 2 || column < 120) matrix[i] = 0;
    }
    // The last input is always 0, so that all weights that read it score 0.
    for (let g = 0; g < 2; g++)
      for (let j = 0; j < inner; j++) {
        gram[(g * inner + j) * inner + inner - 1] = 0;
        gram[(g * inner + inner - 1) * inner + j] = 0;
      }
    const present = matrix.reduce((count, w) => count + (w === 0 ? 0 : 1), 0);
    for (const kept of [0, 1, 50, present - 1, present]) {
      const found = sparsified(matrix, moments, { how, kept })!;
      assert.equal(sum(found.marks), kept);
      assert.equal(
        found.matrix.reduce((count, w) => count + (w === 0 ? 0 : 1), 0),
        kept,
      );
    }
  });

test('SparseGPT makes up for what is rounded where it is stored', () => {
  const one = layer('stored', { inner: 24, outputs: 5 });
  const stored = (value: number) => (Math.round(value / 0.4) || Math.sign(value)) * 0.4;
  const loss = lossOf(one);
  const within = sparsified(one.matrix, one.moments, { how: 'sparsegpt', kept: 100, stored })!;
  const after = sparsified(one.matrix, one.moments, { how: 'sparsegpt', kept: 100 })!;
  const rounded = after.matrix.map((w) => (w === 0 ? 0 : stored(w)));
  assert.equal(sum(within.marks), 100);
  for (const [i, w] of within.matrix.entries())
    assert.ok(within.marks[i] ? w !== 0 && Math.abs(stored(w) - w) < 1e-12 : w === 0);
  assert.ok(loss(within.matrix) < 0.95 * loss(rounded), `${loss(within.matrix)} beside ${loss(rounded)}`);
});
