/** Parts of the page of `espalier watch` that other pages show, too. */
export { Chart } from './chart.js';
export { NetworkDrawing } from './drawing.js';
