/** How dense each layer was after every update of the masks: a row a layer, time from left to right. */
import { useEffect, useRef } from 'preact/hooks';
import type { Layers } from '../types.js';
import { count, percent } from '../../base/index.js';

const ROW = 14;

export function Density({ layers }: { layers: Layers }) {
  const place = useRef<HTMLCanvasElement>(null);
  useEffect(() => paint(place.current!, layers), [layers]);
  const last = layers.densities.at(-1)!;
  return (
    <section>
      <h2>Density of layers</h2>
      <p>
        Every row is a layer and every column an update of the masks, from left to right. A full colour means that all weights are
        kept.
      </p>
      <div class="density">
        <canvas ref={place} role="img" aria-label="Density of every layer by update of the masks; the table below has the end." />
        <div class="wide" tabIndex={0} role="region" aria-label="Density of layers at the end">
          <table>
            <thead>
              <tr>
                <th scope="col">layer</th>
                <th scope="col" class="number">
                  weights
                </th>
                <th scope="col" class="number">
                  kept
                </th>
                <td />
              </tr>
            </thead>
            <tbody>
              {layers.names.map((name, i) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td class="number">{count(layers.sizes[i])}</td>
                  <td class="number">{percent(last[i])}</td>
                  <td>
                    <meter value={last[i]} aria-label={`Density of ${name}`} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </div>
    </section>
  );
}

function paint(canvas: HTMLCanvasElement, { names, densities }: Layers): void {
  const [width, height] = [densities.length, names.length * ROW];
  Object.assign(canvas, { width, height });
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext('2d')!;
  for (const [x, update] of densities.entries())
    for (const [y, density] of update.entries()) {
      // The eye sees small densities apart where their roots differ.
      pen.fillStyle = `rgba(57, 135, 201, ${Math.sqrt(density)})`;
      pen.fillRect(x, y * ROW, 1, ROW - 1);
    }
}
