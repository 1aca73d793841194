/**
 * Runs what the README and the docs show: every espalier command of their shell blocks and every program, page by page, in a new folder
 * that has the files they speak of. Trainings are shortened (one epoch, the digits instead of larger sets, networks of eight layers); all
 * else is run as it stands there.
 *
 *     node scripts/doc-blocks.mjs [PAGE…]     (after node scripts/setup.mjs; some minutes)
 *
 * Ends with a line 'N passed, N failed, N skipped'. A block that says `no-test` is skipped, with its reason; so is one that speaks of a model or a data
 * set of the reader's, except on the pages that beginners follow, which must run as a whole.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { blocksOf, callsIn, pages, root } from '../dist/docs.test.fixture.js';
import { addCounts, inWords, noCounts } from './tests.mjs';

const program = join(root, 'dist/cli/main.js');
const work = mkdtempSync(join(tmpdir(), 'espalier-blocks-'));

/** Pages whose blocks are run: those of results tell of runs of hours, and two have tests of their own (src/docs.test.ts). */
const isRun = (page) =>
  page === 'README.md' || /^docs\/(?!benchmarks|methods|structured)[^/]*\.md$/.test(page);

/** Pages that must run from the first block to the last. */
const WHOLE = ['README.md', 'docs/tutorial.md', 'docs/coming-from.md'];

/** What a command says of a model, a study or a data set that is not there. */
const MISSING = /: no such file or folder; check the path|is not at .*; download/;

function run(folder, args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: 300_000,
    env: { ...process.env, XDG_CACHE_HOME: join(work, 'cache') },
  });
  return status === 0 ? undefined : `${stderr || stdout}`.trim().split('\n').slice(-4).join('\n');
}

/** Pictures of two classes that a network can tell apart. */
async function writePhotos(folder) {
  for (const [name, red] of [
    ['cat', 240],
    ['dog', 20],
  ]) {
    mkdirSync(join(folder, 'photos', name), { recursive: true });
    for (let i = 0; i < 24; i++) {
      const background = { r: red, g: 5 * i, b: 120 };
      const picture = sharp({ create: { width: 32, height: 32, channels: 3, background } });
      await picture.png().toFile(join(folder, 'photos', name, `${i}.png`));
    }
  }
}

/** A folder with what pages speak of: photos, a model for them, and one for the digits where a program writes none. */
async function furnish() {
  const folder = join(work, 'furnished');
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  symlinkSync(root, join(folder, 'node_modules/espalier'), 'dir');
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  await writePhotos(folder);
  const train = 'train resnet8 --data images:photos --epochs 12 --quiet --out first'.split(' ');
  const problem = run(folder, [program, ...train]);
  if (problem) throw new Error(`no model could be trained: ${problem}`);
  for (const name of ['model.onnx', 'mine.onnx', 'a.onnx'])
    cpSync(join(folder, 'first/model.onnx'), join(folder, name));
  run(folder, [program, 'pack', 'model.onnx', '--quiet']);
  cpSync(join(root, 'recipes'), join(folder, 'recipes'), { recursive: true });
  cpSync(join(root, 'studies'), join(folder, 'studies'), { recursive: true });
  return folder;
}

/** Values that would take long, and what stands for them here. */
const SHORT = { '--epochs': '1', '--time': '10s', '--updates': '2' };

function shortened(words) {
  return words.map((word, i) => {
    const flag = words[i - 1];
    if (SHORT[flag]) return SHORT[flag];
    if (flag === '--data' && /^(cifar|mnist|fashion)/.test(word)) return 'digits';
    return i === 1 && /^(resnet\d+|vgg\d+)$/.test(word) ? 'resnet8' : word;
  });
}

function runBlock(block, folder) {
  if (block.language === 'sh') {
    for (const words of callsIn(block)) {
      const problem = run(folder, [program, ...shortened(words), '--quiet']);
      if (problem) return `espalier ${shortened(words).join(' ')}: ${problem}`;
    }
    return undefined;
  }
  const file = join(folder, `line-${block.line}.mjs`);
  writeFileSync(file, block.code.replace(/epochs: 10/g, 'epochs: 1'));
  return run(folder, [file]);
}

const counts = noCounts();
const asked = process.argv.slice(2);
try {
  const furnished = await furnish();
  for (const page of pages.filter((name) => (asked.length > 0 ? asked.includes(name) : isRun(name)))) {
    const folder = join(work, page.replace(/\W/g, '-'));
    cpSync(furnished, folder, { recursive: true, verbatimSymlinks: true });
    for (const block of blocksOf(page).filter(({ language }) => ['sh', 'js'].includes(language))) {
      const place = `${page}:${block.line}`;
      const problem = block.untested === undefined ? runBlock(block, folder) : undefined;
      const lacks = !WHOLE.includes(page) && MISSING.test(problem ?? '');
      const result = block.untested !== undefined || lacks ? 'skipped' : problem ? 'failed' : 'passed';
      addCounts(counts, { ...noCounts(), [result]: 1 });
      process.stdout.write(
        `${result} ${place}${problem ? `: ${problem}` : block.untested ? `: ${block.untested}` : ''}\n`,
      );
    }
    rmSync(folder, { recursive: true, force: true });
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
process.stdout.write(`${inWords(counts)}\n`);
process.exit(counts.failed === 0 ? 0 : 1);
