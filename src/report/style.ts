/** The style sheet of a report: the reader's own light or dark, readable from a phone to a wide screen, and on paper. */
export const STYLE = `
:root { color-scheme: light dark; --line: color-mix(in srgb, CanvasText 18%, Canvas); --soft: color-mix(in srgb, CanvasText 70%, Canvas); --panel: color-mix(in srgb, CanvasText 5%, Canvas); --warn: light-dark(#8a3b00, #ffb787); }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; background: Canvas; color: CanvasText; }
main { max-width: 1320px; margin: 0 auto; padding: 2rem 1.5rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .75rem; scroll-margin-top: 1rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .5rem; }
p, li { max-width: 44rem; overflow-wrap: anywhere; }
p { margin: .5rem 0; }
a { color: inherit; text-underline-offset: .2em; }
:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; padding: 0; margin: 1.25rem 0 0; }
.lead { color: var(--soft); margin: .4rem 0 0; }
.warning { border-left: 4px solid var(--warn); background: var(--panel); padding: .75rem 1rem; margin: 1rem 0 0; }
.warning strong { color: var(--warn); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 1.5rem 0 0; max-width: 60rem; }
.tiles div { background: var(--panel); border-radius: 8px; padding: .6rem .9rem; }
.tiles dt { color: var(--soft); font-size: .875rem; }
.tiles dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.tiles dd small { display: block; color: var(--soft); font-size: .875rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 0 2.5rem; }
figure { margin: 0; min-width: 0; }
figcaption { color: var(--soft); font-size: .875rem; max-width: 30rem; }
svg { max-width: 100%; height: auto; }
.chart [class*="swatches"] { font-size: 13px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9375rem; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
th, td { padding: .25rem 1.5rem .25rem 0; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; font-weight: 500; }
thead th { color: var(--soft); font-weight: 400; vertical-align: bottom; }
th.words, td.words { text-align: left; white-space: normal; }
td.words:last-child { min-width: 9rem; }
summary { cursor: pointer; }
pre { background: var(--panel); padding: .9rem 1rem; border-radius: 8px; overflow-x: auto; font-size: .875rem; margin: .5rem 0; }
pre code { white-space: pre-wrap; overflow-wrap: anywhere; }
@media (min-width: 1080px) {
  .sections { display: grid; grid-template-columns: minmax(0, 9fr) minmax(0, 11fr); grid-auto-rows: auto; gap: 0 3rem; }
  .sections > section { grid-column: 1 / -1; }
  .sections > .left { grid-column: 1; grid-row: 1 / span 2; }
  .sections > .right { grid-column: 2; }
}
@media (max-width: 640px) {
  main { padding: 1.25rem 1rem 3rem; }
  h1 { font-size: 1.35rem; }
  .tiles { grid-template-columns: 1fr 1fr; }
  th, td { padding-right: .75rem; }
  th:first-child { white-space: normal; overflow-wrap: break-word; min-width: 6.5rem; }
  .chart svg text { font-size: 14px; }
}
@media print { nav { display: none; } section { break-inside: avoid-page; } }
`;
