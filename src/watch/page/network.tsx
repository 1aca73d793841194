/** The network of a run as a graph: each layer's density and MACs. */
import { useEffect, useState } from 'preact/hooks';
import type { DrawnNetwork } from '../types.js';
import { NetworkDrawing } from './drawing.js';
import { isLive, networkOf } from './state.js';

export function NetworkView({ id }: { id: string }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details open={isOpen} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>Network</summary>
      {isOpen && <Drawn id={id} />}
    </details>
  );
}

function Drawn({ id }: { id: string }) {
  const [network, setNetwork] = useState<DrawnNetwork>();
  const [problem, setProblem] = useState('');
  useEffect(() => {
    networkOf(id).then(setNetwork, (error: Error) => setProblem(error.message));
  }, [id]);
  if (problem) return <p role="alert">{problem}</p>;
  return network ? <NetworkDrawing network={network} worker={isLive} /> : <p>Reading the network …</p>;
}
