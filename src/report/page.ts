/** A page of a report: complete in itself, without scripts, loading nothing. */
import { visibleLines, withBriefWords } from '../base/index.js';
import { STYLE } from './style.js';

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Names in a model may be longer than any page is wide. */
const LONGEST_WORD = 200;

/** Text as HTML. */
export const html = (text: string): string =>
  withBriefWords(text, LONGEST_WORD).replace(/[&<>"]/g, (char) => ENTITIES[char]);

export interface Section {
  title: string;
  /** HTML; a section without any is left out. */
  body: string;
  /** On wide screens, the first section stands beside the next two. */
  side?: 'left' | 'right';
}

export interface PageParts {
  /** Plain text, as all titles. */
  title: string;
  /** What stands above all sections: HTML. */
  lead: string;
  sections: readonly Section[];
}

/** From so many sections on, the page begins with a list of them. */
const LONG = 4;

/** A page as HTML. */
export function page({ title, lead, sections }: PageParts): string {
  const shown = sections.filter(({ body }) => body);
  const links = shown.map(({ title }) => `<li><a href="#${anchorOf(title)}">${html(title)}</a></li>`);
  const contents =
    shown.length < LONG ? '' : `<nav aria-label="On this page"><ul>${links.join('')}</ul></nav>`;
  const body = shown.map(
    (section) =>
      `<section${section.side ? ` class="${section.side}"` : ''} aria-labelledby="${anchorOf(section.title)}"><h2 id="${anchorOf(section.title)}">${html(section.title)}</h2>
${section.body}</section>`,
  );
  return visibleLines(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${html(title)} – espalier</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${html(title)}</h1>
${lead}
${contents}
<div class="sections">
${body.join('\n')}
</div>
</main>
</body>
</html>
`);
}

const anchorOf = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

/** A drawing under its title, which whoever cannot see it is told too; `note`: what to know to read it, as HTML. */
export function chart(title: string, drawing: string, note = ''): string {
  const named = drawing.replace(
    /<svg (?=[^>]*class="plot-\w+")/,
    `<svg role="img" aria-label="${html(title)}" `,
  );
  return `<figure class="chart"><h3>${html(title)}</h3>${named}${note && `<figcaption>${note}</figcaption>`}</figure>`;
}

/** Drawings side by side where there is room; empty where there are none. */
export const charts = (drawings: readonly string[]): string =>
  drawings.some(Boolean) ? `<div class="charts">${drawings.filter(Boolean).join('\n')}</div>` : '';

/** Something to copy into a terminal. */
export const commandBlock = (command: string): string =>
  `<pre tabindex="0" role="region" aria-label="Command"><code>${html(command)}</code></pre>`;
