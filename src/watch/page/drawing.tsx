/** A network drawn as a graph, its blocks folded until somebody opens them. */
import { useEffect, useState } from 'preact/hooks';
import { large, percent } from '../../base/index.js';
import type { DrawnNetwork } from '../types.js';
import { fold, type Folded, type FoldedNode } from './fold.js';
import { arrange, BOX, type Layout, type LayoutRequest } from './layout.js';

/** Networks up to this size are laid out at once, others in a worker. */
const SMALL = 60;

interface DrawingProps {
  network: DrawnNetwork;
  /** Whether the page has the worker that lays out large networks. */
  worker: boolean;
}

export function NetworkDrawing({ network, worker }: DrawingProps) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [drawn, setDrawn] = useState<{ folded: Folded; layout: Layout }>();
  useEffect(() => {
    const folded = fold(network, open);
    const request = { ids: folded.nodes.map((node) => node.id), edges: folded.edges };
    return layOut(request, worker, (layout) => setDrawn({ folded, layout }));
  }, [network, open, worker]);
  if (!drawn) return <p>Laying out the network …</p>;
  const flip = (name: string) => {
    const next = new Set(open);
    next.has(name) ? next.delete(name) : next.add(name);
    setOpen(next);
  };
  return (
    <>
      <p>
        {drawn.folded.nodes.length} nodes. Choose a block to unfold it.{' '}
        {[...open].map((name) => (
          <button key={name} type="button" onClick={() => flip(name)}>
            Fold {name}
          </button>
        ))}
      </p>
      <Picture {...drawn} flip={flip} />
    </>
  );
}

/** Calls back with the layout; what it gives forgets the request. */
function layOut(request: LayoutRequest, inWorker: boolean, done: (layout: Layout) => void): () => void {
  if (request.ids.length <= SMALL || !inWorker) {
    done(arrange(request));
    return () => {};
  }
  const worker = new Worker('layout-worker.js');
  worker.onmessage = ({ data }) => {
    done(data);
    worker.terminate();
  };
  worker.postMessage(request);
  return () => worker.terminate();
}

interface PictureProps {
  folded: Folded;
  layout: Layout;
  flip(name: string): void;
}

function Picture({ folded, layout, flip }: PictureProps) {
  const boxes = new Map(layout.boxes.map((box) => [box.id, box]));
  return (
    <div class="wide network" tabIndex={0} role="region" aria-label="Network">
      <svg viewBox={`0 0 ${layout.width} ${layout.height}`} width={layout.width} height={layout.height}>
        {layout.lines.map((points, i) => (
          <polyline key={i} points={points.map(({ x, y }) => `${x},${y}`).join(' ')} class="edge" />
        ))}
        {folded.nodes.map((node) => {
          const { x, y } = boxes.get(node.id) ?? { x: 0, y: 0 };
          return <Node key={node.id} node={node} left={x - BOX.width / 2} top={y - BOX.height / 2} flip={flip} />;
        })}
      </svg>
    </div>
  );
}

interface NodeProps {
  node: FoldedNode;
  left: number;
  top: number;
  flip(name: string): void;
}

function Node({ node, left, top, flip }: NodeProps) {
  const isBlock = node.size > 1;
  const act = isBlock
    ? {
        role: 'button' as const,
        tabIndex: 0,
        onClick: () => flip(node.name),
        onKeyDown: ({ key }: KeyboardEvent) => key === 'Enter' && flip(node.name),
      }
    : {};
  return (
    <g transform={`translate(${left}, ${top})`} class={isBlock ? 'node block' : 'node'} {...act}>
      <title>{tell(node)}</title>
      <rect width={BOX.width} height={BOX.height} rx="6" />
      {node.density !== undefined && <rect width={BOX.width * node.density} y={BOX.height - 4} height="4" class="kept" />}
      <text x="8" y="17">
        {clipped(isBlock ? `${node.name} (${node.size})` : node.op)}
      </text>
      <text x="8" y="33" class="small">
        {clipped(brief(node))}
      </text>
    </g>
  );
}

const MOST = 28;
const clipped = (text: string) => (text.length > MOST ? `…${text.slice(1 - MOST)}` : text);

function brief({ name, size, density, macs, macsAfter }: FoldedNode): string {
  if (density !== undefined) return `${percent(density, 1)} kept, ${large(macs)} MACs`;
  if (macsAfter !== undefined && macs > 0) return `${percent(macsAfter / macs, 1)} of ${large(macs)} MACs`;
  return macs > 0 ? `${large(macs)} MACs` : size > 1 ? '' : name;
}

function tell(node: FoldedNode): string {
  const { op, name, params, macs, density } = node;
  const parts = [`${op} ${name}`, `${large(params)} parameters`, `${large(macs)} MACs`];
  if (density !== undefined) parts.push(`${percent(density)} of the prunable weights kept`);
  return parts.join(', ');
}
