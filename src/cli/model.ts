/** What a person may write where a model is expected. */
import { existsSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fail } from '../base/index.js';

/** How models in other formats become .onnx files, by their endings. */
const exporters: Readonly<Record<string, string>> = {
  ...pythonically('.pt', '.pth', '.ckpt'),
  '.safetensors':
    'it holds weights without a network: export the model to ONNX, for example with optimum-cli',
  '.h5': 'convert it with tf2onnx',
  '.keras': 'convert it with tf2onnx',
  '.pb': 'convert it with tf2onnx',
  '.tflite': 'convert it with tf2onnx',
  '.mlmodel': 'convert it with onnxmltools',
};

function pythonically(...endings: string[]) {
  return Object.fromEntries(endings.map((ending) => [ending, 'export it with torch.onnx.export']));
}

/**
 * The model that a command is about: its argument, else the recipe's. The folder of a run stands for the model in it.
 * @throws UserError where there is none, or it is in a format that is not read.
 */
export function modelOf(argument: readonly string[], given: { model?: string } = {}): string {
  const [model = given.model] = argument;
  if (!model) return fail('The model is missing: name an .onnx file, a run or a network of the zoo.');
  if (/^[a-z]+:\/\//i.test(model))
    fail(`${model} is an address on the network; download the model first, and give the path of the file.`);
  const advice = exporters[extname(model).toLowerCase()];
  if (advice) fail(`${model} is not an .onnx file: ${advice}.`);
  const inRun = join(model, 'model.onnx');
  return existsSync(join(model, 'recipe.json')) && existsSync(inRun) ? inRun : model;
}
