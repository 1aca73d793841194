import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('../build/source', import.meta.url));

/** A page's first heading is its name in the menu. */
function page(path) {
  const heading = /^# (.*)$/m.exec(readFileSync(join(source, `${path}.md`), 'utf8'));
  return { text: heading ? heading[1].replaceAll('`', '') : path, link: `/${path}` };
}

/** The pages of one part of the menu; a page that is not written yet is left out. */
const pages = (text, ...paths) => ({
  text,
  items: paths.filter((path) => existsSync(join(source, `${path}.md`))).map(page),
});

export default {
  title: 'espalier',
  description: 'Train and prune neural networks in TypeScript: an .onnx goes in, a pruned .onnx comes out.',
  srcDir: source,
  outDir: fileURLToPath(new URL('../build/html', import.meta.url)),
  cacheDir: fileURLToPath(new URL('../build/cache', import.meta.url)),
  // The path that the site is served from.
  base: process.env.SITE_BASE ?? '/',
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Guide', link: '/cli' },
      { text: 'Results', link: '/results/' },
      { text: 'Reference', link: '/reference/' },
    ],
    sidebar: {
      '/reference/': JSON.parse(readFileSync(join(source, 'reference/typedoc-sidebar.json'), 'utf8')),
      '/': [
      pages('Start', 'tutorial', 'choosing', 'cli', 'faq', 'coming-from', 'gallery'),
      pages('Guide', 'models', 'data', 'defaults', 'methods', 'structured', 'learnt-masks', 'calibration', 'recipes', 'objectives', 'zoo', 'watch', 'runtime'),
      pages('Results', 'results/index', 'results/cifar10-resnet20', 'results/fggp-ablation', 'results/probmask', 'results/masksparsity', 'results/slim', 'results/any-model', 'benchmarks'),
      pages('Inside', 'architecture', 'engine', 'testing', 'glossary', 'dependencies', 'operators'),
      { text: 'Project', items: [
        { text: 'Contributing', link: '/contributing' },
        { text: 'Security', link: '/security' },
        { text: 'Changes', link: '/changelog' },
        { text: 'Reference of the library', link: '/reference/' },
      ] },
    ],
    },
  },
};
