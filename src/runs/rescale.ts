/**
 * A recipe for another number of epochs. What it says in epochs (milestones, steps, warm-up, fine-tuning) and in iterations (the
 * interval between updates of the masks) shrinks or grows with the run; everything else is a share of the run already.
 */
const epochs = ['milestones', 'every', 'warmup'];
const wholeEpochs = ['fineTune', 'sparseEpochs', 'markedEpochs'];
const iterations = ['interval'];

/** The recipe with its epochs changed to `wanted`; as it is where either is not a number of epochs. */
export function rescaleRecipe(recipe: object, wanted: unknown): object {
  const given = recipe as Record<string, unknown>;
  if (!isAbove0(wanted) || !isAbove0(given.epochs)) return recipe;
  const ratio = wanted / given.epochs;
  const scaled = Object.entries(given).map(([name, value]) => {
    if (epochs.includes(name)) return [name, times(value, (x) => x * ratio)];
    if (wholeEpochs.includes(name)) return [name, times(value, (x) => Math.round(x * ratio))];
    if (iterations.includes(name))
      return [name, times(value, (x) => x && Math.max(1, Math.round(x * ratio)))];
    return [name, value];
  });
  return filled({ ...Object.fromEntries(scaled), epochs: wanted }, wanted);
}

/** With every stage of a run of stages given, the longest takes up what rounding has left of the epochs. */
function filled(recipe: Record<string, unknown>, epochs: number): object {
  const stages = wholeEpochs.map((name) => Number(recipe[name]));
  const left = epochs - stages.reduce((sum, stage) => sum + stage, 0);
  if (!left) return recipe;
  const longest = stages.indexOf(Math.max(...stages));
  return { ...recipe, [wholeEpochs[longest]]: stages[longest] + left };
}

const isAbove0 = (value: unknown): value is number => typeof value === 'number' && value > 0;

/** Numbers scaled, alone or in a list; what is none is left for the check of settings to refuse. */
function times(value: unknown, scale: (x: number) => number): unknown {
  if (Array.isArray(value)) return value.map((x) => times(x, scale));
  return typeof value === 'number' ? scale(value) : value;
}
