/**
 * How several layers that share channels agree on which to remove: the vote of MaskSparsity (Jiang et al., 2022).
 *
 * Every layer says which channels it would give up. `need` is the smallest number that any of them gave up. Channels with
 * all votes go; if these are fewer than `need`, those with one vote less too, and so on until there are `need`. (It can be
 * more: layers that share no opinion lose the union.)
 */
import type { Judgement } from '../judge/importance.js';
import type { Channels, Selection } from '../types.js';
import type { Limits } from './order.js';
import { selectMarked } from './select.js';

/** What goes of channels, by what each layer would give up. All lists are of equal length; there is one at least. */
export function vote(ballots: readonly (readonly boolean[])[]): boolean[] {
  const votes = ballots[0].map((_, unit) => ballots.filter((ballot) => ballot[unit]).length);
  const need = Math.min(...ballots.map((ballot) => ballot.filter((gone) => gone).length));
  for (let least = ballots.length; least > 0; least--) {
    const gone = votes.map((count) => count >= least);
    if (gone.filter((is) => is).length >= need) return gone;
  }
  return votes.map(() => false);
}

/**
 * At which threshold each unit goes for the first time, where every layer gives up what is not above it, and they vote: an
 * importance by which a target can be met. `values` has a list for each layer.
 */
export function thresholdsByVote(values: readonly ArrayLike<number>[]): Float64Array {
  const layers = values.length;
  const thresholds = new Float64Array(values[0].length).fill(Number.POSITIVE_INFINITY);
  const votes = new Uint32Array(values[0].length);
  const given = new Uint32Array(layers);
  /** How many units have so many votes at least. */
  const withVotes = new Uint32Array(layers + 1);
  const marks = values.flatMap((row, layer) => Array.from(row, (value, unit) => ({ value, layer, unit })));
  marks.sort((a, b) => a.value - b.value);
  let majority = layers;
  for (let i = 0; i < marks.length; ) {
    const { value } = marks[i];
    const touched: number[] = [];
    for (; i < marks.length && marks[i].value === value; i++) {
      const { layer, unit } = marks[i];
      given[layer]++;
      withVotes[++votes[unit]]++;
      touched.push(unit);
    }
    const before = majority;
    const need = Math.min(...given);
    for (majority = layers; majority > 1 && withVotes[majority] < need; ) majority--;
    for (const unit of majority < before ? votes.keys() : touched)
      if (votes[unit] >= majority) thresholds[unit] = Math.min(thresholds[unit], value);
  }
  return thresholds;
}

/**
 * Selects by a vote within every group. `keep` says for the values of one layer which it would keep: those above a threshold
 * (`(γ) => Array.from(γ, (x) => x > 0.01)`), or {@link keepEnergy}. Where limits ask for more than the vote leaves, the units
 * of greatest summed value stay.
 *
 * Aware of the group instead: reduce first and decide once, `selectAbove(channels, importanceOf(…, { reduce: 'max' }), th)`.
 */
export function selectByVote(
  channels: Channels,
  judged: ReadonlyMap<string, readonly Judgement[]>,
  keep: (values: Float64Array) => readonly boolean[],
  limits: Limits = {},
): Selection {
  const marks = new Map<string, boolean[]>();
  const sums = new Map<string, Float64Array>();
  for (const [name, judgements] of judged) {
    const gone = vote(judgements.map(({ values }) => keep(values).map((kept) => !kept)));
    marks.set(
      name,
      gone.map((is) => !is),
    );
    sums.set(
      name,
      judgements[0].values.map((_, unit) => judgements.reduce((sum, { values }) => sum + values[unit], 0)),
    );
  }
  return selectMarked(channels, sums, marks, limits);
}
