/** The pages of the documentation: their blocks of code, their headings and their links. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../', import.meta.url));

export interface Block {
  page: string;
  /** Of its first line of code. */
  line: number;
  language: string;
  /** Why it is not run, where it says so: `sh no-test: reason`. */
  untested?: string;
  code: string;
}

/** Pages for readers; logs of results are none. */
export const pages: string[] = [
  'README.md',
  'CONTRIBUTING.md',
  'bench/README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => posix.join('docs', name.replaceAll('\\', '/')))
    .sort(),
].filter((page) => existsSync(join(root, page)));

export const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');

export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let open: { info: string; line: number; lines: string[] } | undefined;
  for (const [i, text] of textOf(page).split('\n').entries()) {
    const [, indent, info] = /^( *)```(.*)$/.exec(text) ?? [];
    if (indent === undefined) open?.lines.push(text);
    else if (!open) open = { info: info.trim(), line: i + 2, lines: [] };
    else {
      const [language, untested] = open.info.split(/ no-test: /);
      blocks.push({ page, line: open.line, language, untested, code: open.lines.join('\n') });
      open = undefined;
    }
  }
  return blocks;
}

/** A page without its blocks of code. */
export const proseOf = (page: string): string => textOf(page).replace(/^ *```[\s\S]*?^ *```$/gm, '');

/** Where a page links to: paths in the repository, each with the place in it, if any. */
export function linksOf(page: string): { link: string; path: string; anchor?: string }[] {
  return [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [file, anchor] = link.split('#');
      return { link, path: file ? posix.join(posix.dirname(page), file) : page, anchor };
    });
}

/** What headings are called in links, as forges make it from their text. */
export const anchorsOf = (page: string): Set<string> =>
  new Set(
    [...proseOf(page).matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
      title
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .trim()
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );

/** The lines of a shell block that call espalier, as words, without comments; continued lines are one. */
export function callsIn({ code }: Block): string[][] {
  return code
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .map((line) => wordsOf(line))
    .map((words) => words.slice(words.findIndex((word) => !/^[A-Z_]+=/.test(word))))
    .map((words) => (words[0] === 'npx' ? words.slice(1) : words))
    .filter(([first]) => first === 'espalier')
    .map((words) => words.slice(1));
}

/** The words of a line as a shell reads them, up to a comment or a pipe. */
function wordsOf(line: string): string[] {
  const words = line.match(/"[^"]*"|'[^']*'|[^\s"']+/g) ?? [];
  const comment = words.findIndex((word) => word.startsWith('#') || word === '|');
  return words
    .slice(0, comment < 0 ? undefined : comment)
    .map((word) => word.replace(/^(["'])(.*)\1$/, '$2'))
    .flatMap((word) =>
      /^--[a-z-]+=/.test(word) ? [word.replace(/=.*/, ''), word.replace(/^[^=]*=/, '')] : [word],
    );
}
