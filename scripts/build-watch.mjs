/**
 * Bundles the page of `espalier watch` into dist/browser/watch: a document, a style sheet, a script, and a worker that lays out
 * large networks.
 *
 *     node scripts/build-watch.mjs
 */
import { join } from 'node:path';
import { bundlePage, root } from './page-host.mjs';

await bundlePage(join(root, 'src/watch/page'), join(root, 'dist/browser/watch'));
