/** The page with all its data in one file, which opens without a server. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { visibleJson } from '../base/index.js';
import { networkOf } from './network.js';
import type { Runs } from './runs.js';
import type { DrawnNetwork, RunDetail } from './types.js';

/** @param page the folder of the built page. @throws UserError when a model cannot be read. */
export async function savedPage(runs: Runs, page: string): Promise<string> {
  await runs.refresh();
  const details: Record<string, RunDetail> = {};
  const networks: Record<string, DrawnNetwork> = {};
  for (const { id } of runs.rows()) {
    details[id] = (await runs.detail(id))!;
    const network = await networkOf(runs.pathOf(id)!, details[id]).catch(() => undefined);
    if (network) networks[id] = network;
  }
  const [document, script, style] = await Promise.all(
    ['index.html', 'main.js', 'style.css'].map((name) => readFile(join(page, name), 'utf8')),
  );
  const code = script.replaceAll('</script', '<\\/script');
  const data = visibleJson(JSON.stringify({ rows: runs.rows(), details, networks })).replaceAll(
    '<',
    '\\u003c',
  );
  const policy = `default-src 'none'; script-src '${hashOf(code)}'; style-src '${hashOf(style)}'; img-src data:`;
  return document
    .replace(
      '<meta charset="utf-8">',
      (found) => `${found}\n    <meta http-equiv="content-security-policy" content="${policy}">`,
    )
    .replace(/<link rel="stylesheet"[^>]*>/, () => `<style>${style}</style>`)
    .replace(
      /<script [^>]*><\/script>/,
      () =>
        `<script type="application/json" id="snapshot">${data}</script>\n    <script type="module">${code}</script>`,
    );
}

const hashOf = (text: string): string => `sha256-${createHash('sha256').update(text).digest('base64')}`;
