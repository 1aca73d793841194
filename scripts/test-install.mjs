/**
 * The package as its users get it: the tarballs of `npm run release`, installed into new projects of every kind.
 *
 *     node scripts/test-install.mjs [NAME…]      (after node scripts/setup.mjs)
 *
 * Needs the npm registry; a tool that cannot be had is skipped by name. Prints what a clean install takes. Exit status 1 when a
 * project does not work.
 */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const release = join(root, 'build/release');
const work = mkdtempSync(join(tmpdir(), 'espalier-install-'));

class Skipped extends Error {}

/** Runs a command in a folder and returns what it printed; throws with the end of it when it fails. */
function run(folder, command, args, { env = {}, seconds = 300 } = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: seconds * 1000,
  });
  if (status === 0) return stdout + stderr;
  const why = error?.message ?? `${stdout}${stderr}`.trim().split('\n').slice(-12).join('\n');
  throw new Error(`${command} ${args.join(' ')}: ${why}`);
}

/** A new project with these files. */
function project(name, files, about = {}) {
  const folder = join(work, name);
  const all = { 'package.json': JSON.stringify({ name, private: true, type: 'module', ...about }), ...files };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

const tarball = (start) =>
  join(
    release,
    readdirSync(release).find((name) => name.startsWith(start) && name.endsWith('.tgz')),
  );
const main = () => tarball('espalier-0');
const addons = () => tarball(`espalier-${process.platform}-${process.arch}`);

/** Installs from the registry what a test needs besides; where that cannot be had the test is skipped. */
function tools(folder, ...names) {
  try {
    run(folder, 'npm', ['i', '--no-audit', '--no-fund', '--ignore-scripts', '-D', ...names]);
  } catch (error) {
    throw new Skipped(`${names.join(', ')} cannot be had (${error.message.split('\n')[0].slice(0, 120)})`);
  }
}

const install = (folder, ...what) => run(folder, 'npm', ['i', '--no-audit', '--no-fund', ...what]);
const bin = (folder, name) => join(folder, 'node_modules/.bin', name);

/** The example of the README for the library, shortened to one epoch. */
const example = () => {
  const [, code] = /```js\n(import \* as espalier[\s\S]*?)```/.exec(
    readFileSync(join(root, 'README.md'), 'utf8'),
  );
  return code.replace('epochs: 10', 'epochs: 1');
};

/** What a page does with the runtime. */
const page = `
  import { load } from 'espalier/runtime';
  export async function answer(bytes, pixels) {
    const model = await load(bytes);
    return model.run({ input: pixels });
  }
  globalThis.answer = answer;
`;

/** What a page does with the whole library: it takes files, trains and writes. */
const trainer = `
  import { openDataset, pruneRecipe, startRun } from 'espalier';
  import { getFile, keepFiles, putFile } from 'espalier/page';
  export async function prune(file) {
    await keepFiles();
    await putFile('/model.onnx', file);
    const { train } = await openDataset('digits');
    const recipe = pruneRecipe({ model: '/model.onnx', data: 'digits', method: 'l1-filters', macs: 0.5 });
    await startRun(recipe, '/runs/' + train.length);
    return getFile('/runs/' + train.length + '/model.onnx');
  }
  globalThis.prune = prune;
`;

/** What a server does with it: runs a model that is there. */
const server = `
  import { readFileSync } from 'node:fs';
  import { load } from 'espalier/runtime';
  const model = await load(new Uint8Array(readFileSync('pruned.onnx')));
  const [[name, { length }]] = Object.entries(await model.run({ input: new Float32Array(64) }));
  console.log(name, length);
  await model.close();
`;

/** A project in which the README's example has run, so that there is a model. */
function trained(name, ...packages) {
  const folder = project(name, { 'mine.mjs': example(), 'serve.mjs': server });
  install(folder, ...packages);
  run(folder, process.execPath, ['mine.mjs']);
  if (!existsSync(join(folder, 'pruned.onnx'))) throw new Error('the example wrote no model');
  return folder;
}

/** Of an install with what it depends on, the library for browsers (3 MB) included. */
const MOST_MEGABYTES = 40;

const megabytes = (folder) => Number(run(folder, 'du', ['-sm', 'node_modules']).split('\t')[0]);

/** The projects, by name. Each throws when it does not work, or says what it measured. */
const projects = {
  npm() {
    const folder = project('npm', { 'mine.mjs': example() });
    const began = Date.now();
    install(folder, main(), addons());
    const seconds = (Date.now() - began) / 1000;
    run(folder, process.execPath, ['mine.mjs']);
    const said = run(folder, bin(folder, 'espalier'), [
      ...'train resnet8 --width 0.25 --data digits --epochs 1 --out run'.split(' '),
    ]);
    if (!/Training on native/.test(said))
      throw new Error(`not on the prebuilt addon: ${said.split('\n')[0]}`);
    if (megabytes(folder) > MOST_MEGABYTES)
      throw new Error(`an install takes ${megabytes(folder)} MB, and ${MOST_MEGABYTES} are allowed`);
    return `${megabytes(folder)} MB in ${seconds.toFixed(0)} s`;
  },
  'npm, without a prebuilt addon'() {
    const folder = trained('wasm', main());
    const said = run(folder, bin(folder, 'espalier'), 'bench pruned.onnx --runs 2'.split(' '));
    if (!/wasm/.test(said)) throw new Error(`not on WebAssembly: ${said}`);
  },
  'pictures without sharp'() {
    const folder = project('no-sharp', { 'photos/a/1.png': '', 'photos/b/1.png': '' });
    install(folder, main());
    const { status, stderr } = spawnSync(
      bin(folder, 'espalier'),
      'train resnet8 --data images:photos --out run'.split(' '),
      { cwd: folder, encoding: 'utf8' },
    );
    if (
      status !== 1 ||
      !/needs the package sharp, which is not installed here: npm install sharp\./.test(stderr)
    )
      throw new Error(stderr);
  },
  'a page and a server on the runtime'() {
    const folder = trained('server', main(), addons());
    return run(folder, process.execPath, ['serve.mjs']).trim();
  },
  pnpm() {
    const folder = project('pnpm', { 'mine.mjs': example() });
    tools(folder, 'pnpm@9');
    run(folder, bin(folder, 'pnpm'), ['add', main(), addons()], { env: { CI: 'true' } });
    run(folder, process.execPath, ['mine.mjs']);
  },
  'TypeScript, strict'() {
    const options = {
      ...{ strict: true, noEmit: true, module: 'nodenext', target: 'es2022', skipLibCheck: false },
      ...{ types: ['node'], lib: ['es2023', 'dom'] },
    };
    const folder = project('typescript', {
      'mine.ts': `${example()}\nexport {};\n`,
      'page.ts': page
        .replace('(bytes, pixels)', '(bytes: Uint8Array, pixels: Float32Array)')
        .replace(/.*globalThis.*\n/, ''),
      'trainer.ts': trainer.replace('(file)', '(file: File)').replace(/.*globalThis.*\n/, ''),
      'tsconfig.json': JSON.stringify({ compilerOptions: options }),
    });
    install(folder, main());
    tools(folder, 'typescript@5', '@types/node@20');
    run(folder, bin(folder, 'tsc'), []);
  },
  esbuild() {
    const folder = project('esbuild', { 'page.js': page, 'trainer.js': trainer });
    install(folder, main());
    tools(folder, 'esbuild');
    const args = 'page.js trainer.js --bundle --format=esm --splitting --outdir=out';
    run(folder, bin(folder, 'esbuild'), args.split(' '));
  },
  Vite() {
    const folder = project('vite', {
      'index.html':
        '<script type="module" src="/page.js"></script><script type="module" src="/trainer.js"></script>',
      'page.js': page,
      'trainer.js': trainer,
    });
    install(folder, main());
    tools(folder, 'vite@6');
    run(folder, bin(folder, 'vite'), ['build']);
  },
  webpack() {
    const files = { 'src/page.js': page, 'src/trainer.js': trainer };
    const folder = project('webpack', {
      ...files,
      'src/index.js': "import './page.js'; import './trainer.js';",
    });
    install(folder, main());
    tools(folder, 'webpack@5', 'webpack-cli@6');
    run(folder, bin(folder, 'webpack'), ['--mode', 'production']);
  },
  'Next, in a server route'() {
    const folder = project(
      'next',
      {
        'app/layout.js':
          'export default function Layout({ children }) { return <html lang="en"><body>{children}</body></html>; }',
        'app/page.js': 'export default function Page() { return <p>espalier</p>; }',
        'app/answer/route.js': `
        import { load } from 'espalier/runtime';
        export async function GET(request) {
          const model = await load(new Uint8Array(await request.arrayBuffer()));
          return Response.json(Object.keys(model.inputs ?? {}));
        }`,
      },
      { type: undefined },
    );
    install(folder, main());
    tools(folder, 'next@15', 'react@19', 'react-dom@19');
    run(folder, bin(folder, 'next'), ['build'], { env: { NEXT_TELEMETRY_DISABLED: '1' } });
  },
  Bun() {
    const folder = trained('bun', main(), addons());
    tools(folder, '@oven/bun-linux-x64');
    return run(folder, join(folder, 'node_modules/@oven/bun-linux-x64/bin/bun'), ['serve.mjs']).trim();
  },
  Deno() {
    const folder = trained('deno', main(), addons());
    tools(folder, '@deno/linux-x64-glibc');
    const deno = join(folder, 'node_modules/@deno/linux-x64-glibc/deno');
    return run(folder, deno, ['run', '-A', '--no-remote', 'serve.mjs']).trim();
  },
};

const answers = spawnSync('npm', ['view', 'yaml', 'version'], { timeout: 60_000 }).status === 0;
if (!answers) {
  console.log(
    `skipped: the npm registry does not answer\n0 passed, 0 failed, ${Object.keys(projects).length} skipped`,
  );
  process.exit(0);
}
for (const script of ['build-browser', 'build-watch', 'release'])
  run(root, process.execPath, [`scripts/${script}.mjs`]);
const asked = process.argv.slice(2);
const count = { passed: 0, failed: 0, skipped: 0 };
for (const [name, work] of Object.entries(projects)) {
  if (asked.length && !asked.some((part) => name.includes(part))) continue;
  const began = Date.now();
  const tell = (verdict, text = '') =>
    console.log(
      `${verdict}: ${name} (${((Date.now() - began) / 1000).toFixed(0)} s)${text ? ` ${text}` : ''}`,
    );
  try {
    const said = work();
    count.passed++;
    tell('passed', said);
  } catch (error) {
    const skipped = error instanceof Skipped;
    count[skipped ? 'skipped' : 'failed']++;
    tell(skipped ? 'skipped' : 'failed', error.message);
  }
}
rmSync(work, { recursive: true, force: true });
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exit(count.failed ? 1 : 0);
