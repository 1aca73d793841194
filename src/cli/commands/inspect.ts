/** inspect: what is in a model. */
import type { Command } from 'commander';
import { bytes, count, large, percent } from '../../base/index.js';
import { byReason, groupSettings, type Inspection, inspectModel, modelSettings } from '../../runs/index.js';
import { define } from '../define.js';
import { modelOf } from '../model.js';
import { flowing, left, right, table } from '../table.js';

export function addInspect(program: Command, signal: AbortSignal): void {
  define(program, signal, {
    name: 'inspect',
    argument: '[MODEL]',
    about: 'an .onnx file, a run or the name of a network of the zoo',
    groups: { 'Model:': modelSettings, 'Channels:': groupSettings },
    examples: [
      'inspect runs/a/model.onnx',
      'inspect mine.onnx --input-shape 3,224,224',
      'inspect vgg19 --width 0.5 --json',
    ],
    async run({ given, argument }, face) {
      const inspection = await inspectModel({ ...given, model: modelOf(argument, given) });
      face.result(inspection, describe(inspection));
    },
  });
}

function describe(model: Inspection): string {
  const missing = [unknown(model), uncounted(model), model.notFinite.join('\n')];
  const parts = [layers(model), totals(model), groups(model), whole(model), unpruned(model), ...missing];
  return parts.filter(Boolean).join('\n\n');
}

/** The nodes that hold or cost something. */
function layers({ layers: all }: Inspection): string {
  const rows = all
    .filter(({ params, macs }) => params > 0 || macs > 0)
    .map(({ name, op, outputs, params, macs, pruning }) => {
      const size = pruning.reduce((sum, layer) => sum + layer.size, 0);
      const kept = pruning.reduce((sum, layer) => sum + layer.kept, 0);
      const shape = outputs[0]?.join('×') ?? '?';
      return [name, op, shape, count(params), macs ? large(macs) : '', size ? percent(1 - kept / size) : '–'];
    });
  const titles = [
    left('layer'),
    left('operator'),
    left('output'),
    right('parameters'),
    right('MACs'),
    right('sparsity'),
  ];
  return table(titles, rows);
}

function totals(model: Inspection): string {
  const shapes = (values: Inspection['inputs']) =>
    Object.entries(values)
      .map(([name, shape]) => `${name} [${shape.join(', ')}]`)
      .join(', ');
  return table(
    [left(''), flowing('')],
    [
      ['inputs', shapes(model.inputs)],
      ['outputs', shapes(model.outputs)],
      ['opset', String(model.opset)],
      ...(model.narrow.length ? [['numbers', `${model.narrow.join(', ')}, computed in float32`]] : []),
      ['parameters', `${count(model.params)} (${count(model.nonzero)} non-zero)`],
      [
        'MACs',
        `${large(model.macs)} (${large(model.effectiveMacs)} by non-zero weights, ${large(model.liveMacs)} of these between live units)`,
      ],
      [
        'prunable',
        `${count(model.prunable)} weights, ${percent(model.sparsity)} of them zero (${percent(model.sparsityWithBiases)} with biases included)`,
      ],
      [
        'dead units',
        `${count(model.deadUnits)} of ${count(model.units)}${model.deadUnits ? `; with their weights counted as zeros, sparsity is ${percent(model.effectiveSparsity)}` : ''}`,
      ],
      ['bytes', `${bytes(model.bytes.raw)}, gzip ${bytes(model.bytes.gzip)}`],
      ...cardRows(model.card),
    ],
  );
}

/** Names of classes that are shown. */
const MOST_NAMES = 8;

/** What the file says of classes and pictures. */
function cardRows({
  classes,
  mean,
  std,
  scale = 255,
  size,
  layout,
  colors,
  resize,
}: Inspection['card']): string[][] {
  const more = classes && classes.length > MOST_NAMES ? ', …' : '';
  const pictures = [
    ...(size ? [`${size[0]} × ${size[1]}`] : []),
    ...[colors, layout, resize].filter((word) => word !== undefined),
    ...(mean && std
      ? [`mean ${mean.join(', ')} and deviation ${std.join(', ')} of bytes divided by ${scale}`]
      : []),
  ];
  return [
    ...(classes ? [['classes', `${classes.length}: ${classes.slice(0, MOST_NAMES).join(', ')}${more}`]] : []),
    ...(pictures.length > 0 ? [['pictures', pictures.join('; ')]] : []),
  ];
}

/** A line for each group of channels. */
function groups({ channels }: Inspection): string {
  if (channels.groups.length === 0) return '';
  const rows = channels.groups.map(({ name, size, members }) => {
    const made = members.filter(({ role }) => role === 'out').map(({ tensor }) => tensor);
    const read = members.filter(({ role }) => role === 'in').map(({ tensor }) => tensor);
    return [name, count(size), few(made.filter((tensor) => tensor !== name)), few(read)];
  });
  return table([left('channels of'), right('number'), left('tied to those of'), left('read by')], rows);
}

/** What of the weights cannot lose channels. */
function whole({ channels: { frozen } }: Inspection): string {
  if (frozen.length === 0) return '';
  const reasons = new Map<string, Set<string>>();
  for (const { tensor, role, reason } of frozen)
    reasons.set(
      reason,
      (reasons.get(reason) ?? new Set()).add(`${tensor}, ${role === 'in' ? 'inputs' : 'outputs'}`),
    );
  const rows = [...reasons].map(([reason, axes]) => [few([...axes]), reason]);
  return table([left('stays whole'), flowing('because')], rows);
}

/** The first name, and how many more there are. */
const few = ([first = '', ...more]: readonly string[]): string =>
  more.length ? `${first} and ${more.length} more` : first;

function unpruned({ unpruned: values }: Inspection): string {
  if (values.length === 0) return '';
  const rows = byReason(values).map(({ reason, names, size }) => [few(names), count(size), reason]);
  return table([left('not prunable'), right('numbers'), flowing('because')], rows);
}

function unknown({ unknown: operators }: Inspection): string {
  if (operators.length === 0) return '';
  const list = operators.map(({ op, count: nodes }) => `${op} (${nodes})`).join(', ');
  return `Operators that espalier does not know, whose parameters and MACs are missing above: ${list}.`;
}

function uncounted({ uncounted: nodes }: Inspection): string {
  if (nodes.length === 0) return '';
  return `Layers of shapes that are only known when the model runs, or behind operators that are not known, whose MACs are missing above: ${few(nodes)}.`;
}
