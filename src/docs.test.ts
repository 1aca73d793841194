/** What the README and the docs show is there: commands and flags, programs that compile, links, error messages. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { commandNames } from './cli/summaries.js';
import { archive, reals } from './data/npz.test.fixture.js';
import { anchorsOf, type Block, blocksOf, callsIn, linksOf, pages, root } from './docs.test.fixture.js';
import { builder, writeModel } from './index.js';
import { checkSettings, flagOf, type Settings, settingsOf } from './runs/index.js';

const blocks = pages.flatMap(blocksOf);
const where = ({ page, line }: Block): string => `${page}:${line}`;

/** Languages whose blocks are run or compiled, and those that are only read. */
const RUN = ['sh', 'js', 'ts'];
const READ = ['console', 'text', 'yaml', 'html', 'python', 'c', 'json'];

test('every block says what it is, and few are not tested, each with its reason', () => {
  for (const block of blocks)
    assert.ok(
      [...RUN, ...READ].includes(block.language),
      `${where(block)} is of no known language: "${block.language}"`,
    );
  const untested = blocks.filter((block) => block.untested !== undefined);
  for (const block of untested) assert.ok(block.untested!.length > 10, `${where(block)} gives no reason`);
  // The walks of CONTRIBUTING.md are carried out by a test of their own.
  const left = untested.filter(({ page }) => page !== 'CONTRIBUTING.md');
  assert.ok(left.length <= 5, `${left.length} blocks are not tested`);
  assert.ok(blocks.filter(({ language }) => RUN.includes(language)).length > 20);
});

/** Flags of every command besides its settings. */
const COMMON = ['--out', '--json', '--quiet', '--recipe', '--help', '--no-help'];

function checkCall(words: readonly string[], place: string): void {
  const [name, ...rest] = words;
  assert.ok(
    name.startsWith('-') || commandNames.includes(name as never),
    `${place}: there is no command ${name}`,
  );
  const settings: Settings = settingsOf[name as keyof typeof settingsOf] ?? {};
  const byFlag = new Map(
    Object.entries(settings).flatMap(([key, setting]) =>
      [flagOf(key), ...(setting.synonyms ?? [])].map((flag) => [flag, [key, setting] as const]),
    ),
  );
  const given: Record<string, unknown> = {};
  for (const [i, word] of rest.entries()) {
    if (!word.startsWith('--') || COMMON.includes(word)) continue;
    const [key, setting] = byFlag.get(word.replace(/^--no-/, '--')) ?? byFlag.get(word) ?? [];
    assert.ok(key && setting, `${place}: ${name} has no flag ${word}`);
    given[key] = setting.parse ? setting.parse(rest[i + 1] ?? '') : !word.startsWith('--no-');
  }
  if (name in settingsOf) checkSettings(name as keyof typeof settingsOf, given);
}

test('the commands that pages show are there, with their flags and values', () => {
  let calls = 0;
  for (const block of blocks.filter(({ language }) => language === 'sh'))
    for (const words of callsIn(block)) {
      calls++;
      checkCall(words, where(block));
    }
  const scripts = blocks
    .filter(({ language }) => language === 'sh')
    .flatMap(({ code }) => [...code.matchAll(/^node (\S+\.mjs)/gm)].map(([, script]) => script));
  for (const script of scripts) assert.ok(existsSync(join(root, script)), `there is no ${script}`);
  assert.ok(calls > 20, `only ${calls} commands were found`);
  assert.throws(() => checkCall(['prune', 'a.onnx', '--sparcity', '0.9'], 'here'), /no flag --sparcity/);
  assert.throws(() => checkCall(['prune', 'a.onnx', '--sparsity', '9'], 'here'), /sparsity/);
});

test('the programs that pages show compile under strict', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-docs-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const programs = blocks.filter(
    ({ language, untested }) => /^[jt]s$/.test(language) && untested === undefined,
  );
  assert.ok(programs.length >= 5);
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules/espalier'), 'dir');
  symlinkSync(join(root, 'node_modules/@types'), join(folder, 'node_modules/@types'), 'dir');
  for (const { page, line, language, code } of programs)
    writeFileSync(join(folder, `${page.replace(/\W/g, '-')}-${line}.m${language}`), code);
  const compilerOptions = {
    ...{ strict: true, allowJs: true, checkJs: true, noEmit: true, skipLibCheck: true },
    ...{ module: 'nodenext', target: 'es2023', types: ['node'] },
  };
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, include: ['*.mjs', '*.mts'] }),
  );
  try {
    execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], {
      encoding: 'utf8',
    });
  } catch (error) {
    assert.fail((error as { stdout: string }).stdout);
  }
});

test('the TypeScript of the zoo and of objectives runs as it stands there', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-run-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const b = builder({ name: 'small', seed: 1 });
  await writeModel(
    join(folder, 'model.onnx'),
    b.finish({ y: b.linear(b.input('x', [4]), { out: 2, name: 'fc' }) }),
  );
  const frames = reals(
    [32, 4],
    Array.from({ length: 128 }, (_, i) => Math.sin(i * i)),
  );
  writeFileSync(join(folder, 'frames.npz'), archive({ x: frames }));
  const programs = ['docs/zoo.md', 'docs/objectives.md'].flatMap((page) =>
    blocksOf(page).filter(({ language }) => language === 'ts'),
  );
  assert.equal(programs.length, 2);
  const library = new URL('./index.js', import.meta.url).href;
  for (const { line, code } of programs) {
    const path = join(folder, `${line}.mjs`);
    writeFileSync(path, `${code.replaceAll("'espalier'", `'${library}'`)}`);
    execFileSync(process.execPath, [path], { cwd: folder, encoding: 'utf8', timeout: 120_000 });
  }
});

test('tables that follow from the code and from the lock file are up to date', () => {
  const said = spawnSync(process.execPath, [join(root, 'scripts/doc-tables.mjs'), '--check'], {
    encoding: 'utf8',
  });
  assert.equal(said.status, 0, said.stdout + said.stderr);
});

test('links lead to files and to headings that are there', () => {
  let links = 0;
  for (const page of pages)
    for (const { link, path, anchor } of linksOf(page)) {
      links++;
      const file = join(root, path);
      assert.ok(existsSync(file), `${page} links to ${link}, which is not there`);
      if (anchor && !statSync(file).isDirectory() && path.endsWith('.md'))
        assert.ok(anchorsOf(path).has(anchor), `${page} links to ${link}, and ${path} has no such heading`);
    }
  assert.ok(links > 100);
});

test('error messages in the questions and answers are those of the code', () => {
  const source = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.includes('.test.'))
    .map((name) => readFileSync(join(root, 'src', name), 'utf8'))
    .join('\n');
  const messages = blocksOf('docs/faq.md').filter(({ language }) => language === 'text');
  assert.ok(messages.length > 10);
  for (const block of messages)
    for (const part of block.code.split('…').map((words) => words.trim()))
      assert.ok(part === '' || source.includes(part), `${where(block)}: no message says "${part}"`);
});
