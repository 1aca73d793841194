/** vocabulary: a language model with only the tokens that are used. */
import type { Command } from 'commander';
import { bytes, percent } from '../../base/index.js';
import { fileSettings, keepVocabulary, vocabularySettings } from '../../runs/index.js';
import { define } from '../define.js';
import { modelOf } from '../model.js';
import { left, right, table } from '../table.js';

export function addVocabulary(program: Command, signal: AbortSignal): void {
  define(program, signal, {
    name: 'vocabulary',
    argument: '[MODEL]',
    about: 'an .onnx file',
    groups: { 'Tokens:': vocabularySettings, 'Model:': fileSettings },
    out: 'the smaller model (default: beside the model, ending in -tokens.onnx)',
    outArgument: 'FILE',
    examples: [
      'vocabulary bert.onnx --tokens used.txt',
      'vocabulary gpt.onnx --tokens used.json --out small.onnx',
    ],
    async run({ given, argument, out }, face) {
      const result = await keepVocabulary({ ...given, model: modelOf(argument, given), out });
      const { before, after, bytes: size, tied, error, file, ids } = result;
      const rows = [
        ['tokens', before.toLocaleString('en'), after.toLocaleString('en'), percent(after / before, 1)],
        [
          'bytes',
          bytes(size.before.raw),
          bytes(size.after.raw),
          percent(size.after.raw / size.before.raw, 1),
        ],
      ];
      const agreed =
        error === undefined
          ? 'The answers could not be compared with those of the whole model.'
          : `For the same tokens its answers are ${error === 0 ? 'exactly ' : ''}those of the whole model${error === 0 ? '' : `, within ${error.toPrecision(1)} of the largest`}.`;
      const text = [
        table([left(''), right('before'), right('after'), right('left')], rows),
        `Rows of ${[result.table, ...tied].join(', ')} went. ${agreed}`,
        `model  ${file}\nids    ${ids}`,
      ];
      face.result(result, text.join('\n\n'));
    },
  });
}
