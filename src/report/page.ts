/** A page of a report: complete in itself, without scripts, loading nothing. */
import { visibleLines, withBriefWords } from '../base/text.js';
import { STYLE } from './style.js';

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Names in a model may be longer than any page is wide. */
const LONGEST_WORD = 200;

/** Text as HTML. */
export const html = (text: string): string =>
  withBriefWords(text, LONGEST_WORD).replace(/[&<>"]/g, (char) => ENTITIES[char]);

/** A page with a title, which is plain text, and a body of HTML. */
export const page = (title: string, body: string): string =>
  visibleLines(`<!doctype html>
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
${body}
</main>
</body>
</html>
`);

/** A drawing under its title, which whoever cannot see it is told too; `note`: what to know to read it, as HTML. */
export function chart(title: string, drawing: string, note = ''): string {
  const named = drawing.replace(
    /<svg (?=[^>]*class="plot-\w+")/,
    `<svg role="img" aria-label="${html(title)}" `,
  );
  return `<figure><h2>${html(title)}</h2>${named}${note && `<figcaption>${note}</figcaption>`}</figure>`;
}
