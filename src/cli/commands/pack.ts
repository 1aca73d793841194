/** pack: a model as a small file. */
import type { Command } from 'commander';
import { bytes, percent } from '../../base/index.js';
import { modelSettings, packModel, packNotes } from '../../runs/index.js';
import { define } from '../define.js';
import { modelOf } from '../model.js';
import { left, right, table } from '../table.js';

export function addPack(program: Command, signal: AbortSignal): void {
  define(program, signal, {
    name: 'pack',
    argument: '[MODEL]',
    about: 'an .onnx file or a run',
    groups: { 'Model:': modelSettings },
    out: 'the packed file (default: beside the model, ending in .espk)',
    outArgument: 'FILE',
    examples: ['pack runs/e/model.onnx', 'pack runs/e/model.onnx --out site/model.espk'],
    async run({ given, argument, out }, face) {
      const result = await packModel({ ...given, model: modelOf(argument, given), out });
      const { raw, gzip, packed } = result.bytes;
      const share = (size: number) => [bytes(size), percent(size / raw, 1)];
      const rows = [
        ['.onnx', ...share(raw)],
        ['.onnx, gzip', ...share(gzip)],
        ['packed', ...share(packed)],
      ];
      const text = [
        table([left(''), right('bytes'), right('of the .onnx')], rows),
        `${percent(result.sparsity)} of the prunable weights are zero. Unpacked again, the model is the same; it is in ${result.file}.`,
        ...packNotes(result),
      ];
      face.result(result, text.join('\n\n'));
    },
  });
}
