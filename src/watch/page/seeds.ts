/** Runs of one setting and several seeds as one curve: their mean, and how far they lie apart. */

export interface Member {
  id: string;
  setting: string;
  values: (number | null)[];
}

export interface Mean {
  name: string;
  values: (number | null)[];
  /** Standard deviation over the seeds, null where fewer than two have the epoch. */
  deviation: (number | null)[];
}

/** A curve for each setting. The mean of an epoch is over the runs that have it. */
export function meanOf(members: readonly Member[]): Mean[] {
  const settings = new Map<string, Member[]>();
  for (const member of members)
    settings.set(member.setting, [...(settings.get(member.setting) ?? []), member]);
  return [...settings].map(([setting, seeds]) => {
    const length = Math.max(0, ...seeds.map(({ values }) => values.length));
    const epochs = Array.from({ length }, (_, epoch) =>
      spread(seeds.map(({ values }) => values[epoch] ?? null)),
    );
    return {
      name: seeds.length > 1 ? `${setting} (${seeds.length} seeds)` : setting,
      values: epochs.map(({ mean }) => mean),
      deviation: epochs.map(({ deviation }) => deviation),
    };
  });
}

function spread(all: readonly (number | null)[]): { mean: number | null; deviation: number | null } {
  const values = all.filter((value) => value !== null);
  if (values.length === 0) return { mean: null, deviation: null };
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length < 2) return { mean, deviation: null };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (values.length - 1)) };
}
