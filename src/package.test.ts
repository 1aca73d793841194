/** What npm would publish: all that the README and the docs point to, and all that the code reads. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../', import.meta.url));
const run = promisify(execFile);

/** Where the links of a page lead in the package, without addresses of others and places within a page. */
const linksOf = (page: string, text: string): string[] =>
  [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link.replace(/#.*/, ''))
    .filter((link) => link !== '' && !/^[a-z]+:/.test(link))
    .map((link) => posix.join(posix.dirname(page), link));

test('the package holds what its pages link to, and runs where it is unpacked', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-package-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
  });
  const [{ filename, files }] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[];
  const paths = files.map(({ path }) => path);
  const holds = (path: string) => paths.some((one) => one === path || one.startsWith(posix.join(path, '/')));
  const pages = paths.filter((path) => path === 'README.md' || /^docs\/[^/]+\.md$/.test(path));
  assert.ok(pages.length > 5);
  for (const page of pages)
    for (const link of linksOf(page, await readFile(join(root, page), 'utf8')))
      assert.ok(holds(link), `${page} links to ${link}, which is not in the package`);
  assert.deepEqual(
    paths.filter((path) => /\.test\.|(^|\/)\./.test(path)),
    [],
  );

  await run('tar', ['xzf', join(folder, filename), '-C', folder]);
  await symlink(join(root, 'node_modules'), join(folder, 'package', 'node_modules'));
  const program = `
    import { buildNetwork, openDataset } from 'espalier';
    const { train, shape, classes } = await openDataset('digits');
    const { nodes } = buildNetwork('resnet8', { shape, classes: classes.length, seed: 1 });
    console.log(train.length, nodes.length > 0);`;
  const used = await run(process.execPath, ['--input-type=module', '-e', program], {
    cwd: join(folder, 'package'),
  });
  assert.equal(used.stdout.trim(), '1437 true');
});
