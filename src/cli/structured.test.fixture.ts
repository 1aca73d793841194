/** For tests: runs of methods that remove channels, on a small dense model, each of several stages. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { before } from 'node:test';
import { shell } from './shell.test.fixture.js';

export const stagedMethods: Readonly<Record<string, string>> = {
  masksparsity: '--macs 0.5 --epochs 9 --teacher self',
  'soft-fpgm': '--channels 0.6 --epochs 6 --fine-tune 2',
  'depgraph-sparse': '--params 0.5 --epochs 6',
  'grad-decay': '--macs 0.6 --epochs 6 --optimizer adam --lr 0.002',
  taylor: '--bytes 0.7 --epochs 4 --rounds 2',
};

const task = '--data digits --batch 128 --threads 1';

/** A shell with a dense model in it. */
export function stagedShell(name: string) {
  const own = shell(name);
  const { at, espalier } = own;
  before(async () => {
    const line = `train resnet8 --width 0.25 ${task} --epochs 3 --lr 0.2 --out dense`;
    const { status, err } = await espalier(line);
    assert.equal(status, 0, err);
  });
  const timeless = (run: string) =>
    readFileSync(at(run, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => ({ ...JSON.parse(line), seconds: 0 }));
  const trains = (run: string, stage: string) => existsSync(at(run, 'checkpoint', stage, 'state.bin'));

  return {
    ...own,
    task,
    prune: (flags: string) => `prune dense/model.onnx ${task} --round-to 1 ${flags}`,
    /** The stages of a run in their order, and whether they train. */
    stages: (run: string) =>
      readdirSync(at(run, 'checkpoint'))
        .filter((entry) => /^\d/.test(entry))
        .map((stage) => ({ stage, trained: trains(run, stage) })),
    /** Both runs gave the same files and the same figures, whichever of them was interrupted. */
    assertSame(pieces: string, whole: string): void {
      for (const file of ['model.onnx', 'mask.json', 'model.netron.json'])
        assert.ok(readFileSync(at(pieces, file)).equals(readFileSync(at(whole, file))), file);
      assert.deepEqual(timeless(pieces), timeless(whole));
    },
    /** Exactly the stages that train have lines in metrics.jsonl. */
    assertMetrics(run: string, names: readonly string[]): void {
      for (const stage of names)
        assert.equal(
          timeless(run).some((line) => line.stage === stage),
          trains(run, stage),
          stage,
        );
    },
  };
}
