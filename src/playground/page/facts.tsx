/** What is in the model: layers, groups of channels, and what cannot go and why. */
import { bytes, count, large, percent } from '../../base/index.js';
import { NetworkDrawing } from '../../watch/page/index.js';
import type { Facts as ModelFacts } from '../protocol.js';
import { model } from './state.js';

export function Facts() {
  const { name, facts, network } = model.value!;
  const figures: [string, string][] = [
    ['parameters', count(facts.params)],
    ['MACs', large(facts.macs)],
    ['size', bytes(facts.bytes.raw)],
    ['prunable weights', count(facts.prunable)],
    ['zeros among them', percent(facts.sparsity)],
  ];
  return (
    <section aria-label="What is in the model">
      <h3>{name}</h3>
      <dl class="figures">
        {figures.map(([title, figure]) => (
          <div key={title}>
            <dt>{title}</dt>
            <dd>{figure}</dd>
          </div>
        ))}
      </dl>
      {facts.notFinite.map((sentence) => (
        <p role="alert">{sentence}</p>
      ))}
      <Groups facts={facts} />
      <Layers facts={facts} />
      <details>
        <summary>Network</summary>
        <NetworkDrawing network={network} worker />
      </details>
    </section>
  );
}

function Table({ caption, heads, rows }: { caption: string; heads: string[]; rows: (string | number)[][] }) {
  return (
    <div class="wide" tabIndex={0} role="region" aria-label={caption}>
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([first, ...cells], i) => (
            <tr key={i}>
              <th scope="row">{first}</th>
              {cells.map((cell, k) => (
                <td key={k} class={typeof cell === 'number' ? 'number' : undefined}>
                  {typeof cell === 'number' ? count(cell) : cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Groups({ facts: { channels } }: { facts: ModelFacts }) {
  const reasons = new Map<string, Set<string>>();
  for (const { tensor, role, reason } of channels.frozen)
    reasons.set(reason, (reasons.get(reason) ?? new Set()).add(`${tensor} (${role === 'in' ? 'inputs' : 'outputs'})`));
  const named = (role: string, members: (typeof channels.groups)[number]['members']) =>
    members
      .filter((member) => member.role === role)
      .map(({ tensor }) => tensor)
      .join(', ');
  return (
    <details open>
      <summary>
        {channels.groups.length} {channels.groups.length === 1 ? 'group' : 'groups'} of channels can go; what stays whole, and why
      </summary>
      <Table
        caption="Channels that go together"
        heads={['channels of', 'number', 'read by']}
        rows={channels.groups.map(({ name, size, members }) => [name, size, named('in', members)])}
      />
      {reasons.size > 0 && (
        <Table
          caption="What stays whole"
          heads={['axes of', 'because']}
          rows={[...reasons].map(([reason, axes]) => [[...axes].join(', '), reason])}
        />
      )}
    </details>
  );
}

function Layers({ facts: { layers, unknown, unpruned } }: { facts: ModelFacts }) {
  const rows = layers.filter(({ params, macs }) => params > 0 || macs > 0);
  return (
    <details>
      <summary>{rows.length} layers</summary>
      <Table
        caption="Layers with parameters or multiply-accumulates"
        heads={['layer', 'operator', 'output', 'parameters', 'MACs']}
        rows={rows.map(({ name, op, outputs, params, macs }) => [
          name,
          op,
          outputs[0]?.join('×') ?? '?',
          params,
          macs,
        ])}
      />
      {unpruned.length > 0 && (
        <Table
          caption="Weights that are not pruned"
          heads={['weights', 'numbers', 'because']}
          rows={unpruned.map(({ name, size, reason }) => [name, size, reason])}
        />
      )}
      {unknown.length > 0 && (
        <p>Operators that espalier does not know: {unknown.map(({ op, count: n }) => `${op} (${n})`).join(', ')}.</p>
      )}
    </details>
  );
}
