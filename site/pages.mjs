/** The repository's own pages as pages of the site: where each lies there, and what its links become. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';

const rootPages = { 'README.md': 'index.md', 'CHANGELOG.md': 'changelog.md', 'CONTRIBUTING.md': 'contributing.md', 'SECURITY.md': 'security.md' };

/** The page of the site that a file of the repository becomes; undefined where it is not a page. */
function pageOf(path) {
  if (rootPages[path]) return rootPages[path];
  if (path.startsWith('docs/') && path.endsWith('.md')) return path.slice(5).replace(/README\.md$/, 'index.md');
}

/**
 * Writes a page, with its links led to where their targets are on the site: pages by their place there, folders by their README,
 * other files by a copy in public/files. A link whose target is not in the repository stays, and the build refuses it.
 */
export function writePage({ root, source, path }) {
  const page = pageOf(path);
  const target = (link) => {
    const [file, anchor] = link.split('#');
    const found = posix.join(posix.dirname(path), file);
    if (/^[a-z]+:/.test(link) || file === '' || !existsSync(join(root, found))) return link;
    const isFolder = statSync(join(root, found)).isDirectory();
    const other = pageOf(isFolder ? posix.join(found, 'README.md') : found);
    if (other) return `/${other}${anchor ? `#${anchor}` : ''}`;
    const copy = join(source, 'public/files', found);
    mkdirSync(dirname(copy), { recursive: true });
    cpSync(join(root, found), copy, { recursive: true });
    return `/files/${found}`;
  };
  const text = readFileSync(join(root, path), 'utf8')
    .replace(/(?<!!)\]\(([^)\s]+)\)/g, (_, link) => {
      const to = target(link);
      return `](${to})${to.startsWith('/files/') ? '{target="_self"}' : ''}`;
    })
    .replace(/(!\[[^\]]*\]\(|(?:src|srcset)=")([^)"\s]+)/g, (_, before, link) => `${before}${target(link)}`);
  mkdirSync(dirname(join(source, page)), { recursive: true });
  writeFileSync(join(source, page), text);
}

/** Every file of the repository that becomes a page. */
export const pagesOf = (root) => [
  ...Object.keys(rootPages).filter((path) => existsSync(join(root, path))),
  ...readdirSync(join(root, 'docs'), { recursive: true })
    .map((path) => posix.join('docs', path.replaceAll('\\', '/')))
    .filter((path) => path.endsWith('.md')),
];
