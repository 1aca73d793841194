/**
 * Gives every setting in the declarations in dist/ its help as a doc comment, so that an editor shows it on hovering over an option.
 * Settings are plain data (src/base/setting.ts) and stand in several tables; written by hand, each sentence would exist twice.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Members of a table: `    lr: Setting<number>;`, or through an import that tsc wrote. */
const MEMBER = /^( +)(\w+): (?:import\("[^"]*"\)\.)?Setting<.*>;$/;
const TABLE = /^export declare const (\w+): .*\{$/;
const INNER = /^( +)(\w+): \{$/;

/** A sentence that cannot end the comment that it stands in. */
function sentence(text) {
  const words = text.replaceAll('*/', '*\u200b/');
  return `${words[0].toUpperCase()}${words.slice(1)}${/[.!?]$/.test(words) ? '' : '.'}`;
}

/** The lines of a file of declarations, with a comment above each member that `helpOf` has a text for. */
function documented(lines, helpOf) {
  const path = [];
  return lines.flatMap((line, i) => {
    const [, table] = TABLE.exec(line) ?? [];
    if (table) path.splice(0, path.length, table);
    const [, depth, inner] = INNER.exec(line) ?? [];
    if (inner) path.splice(depth.length / 4, path.length, inner);
    const [, indent, name] = MEMBER.exec(line) ?? [];
    if (!name || lines[i - 1].trimEnd().endsWith('*/')) return [line];
    const about = helpOf([...path.slice(0, indent.length / 4), name]);
    return about ? [`${indent}/** ${sentence(about)} */`, line] : [line];
  });
}

/** Documents every table of settings under a folder that tsc has written. */
export async function documentSettings(folder) {
  const files = readdirSync(folder, { recursive: true }).filter((file) => file.endsWith('.d.ts'));
  for (const file of files) {
    const path = join(folder, file);
    const lines = readFileSync(path, 'utf8').split('\n');
    if (!lines.some((line) => MEMBER.test(line)) || !lines.some((line) => TABLE.test(line))) continue;
    const module = await import(pathToFileURL(path.replace(/\.d\.ts$/, '.js')));
    const helpOf = (names) => names.reduce((value, name) => value?.[name], module)?.about;
    writeFileSync(path, documented(lines, helpOf).join('\n'));
  }
}
