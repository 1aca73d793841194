/** The first step: a model. */
import { useState } from 'preact/hooks';
import type { Example, ModelGiven } from '../protocol.js';
import { Drop } from './drop.js';
import { Problem } from './problem.js';
import { ask, busy, choice, data, during, epochs, model, notes, result } from './state.js';

const EXAMPLES: Record<Example, string> = {
  digits: 'ResNet-8, trained here on the digits (some seconds)',
  resnet20: 'ResNet-20 for CIFAR, not trained',
  mobilenetv2: 'MobileNetV2 for CIFAR, not trained',
};

export function ModelStep() {
  const [shape, setShape] = useState('');
  const open = (given: ModelGiven) =>
    during('Opening the model', 'model', async () => {
      [model.value, result.value, notes.value, epochs.value] = [undefined, undefined, [], []];
      const inputShape = shape.trim() || undefined;
      model.value = await ask('openModel', { ...given, inputShape });
      const kind = given.example === 'digits' ? 'digits' : 'none';
      data.value = await ask('openData', { kind, files: [], inputShape });
      choice.value = { ...choice.value, data: kind, inputShape };
    });
  return (
    <section aria-labelledby="model-title">
      <h2 id="model-title">1. Model</h2>
      <Drop
        label="Drop an .onnx file here, or choose one"
        accept=".onnx,.espk"
        take={([{ file }]) => void open({ name: file.name, file })}
      >
        <div class="row">
          <label>
            or an example
            <select
              disabled={busy.value !== ''}
              value=""
              onChange={({ currentTarget }) => {
                const example = currentTarget.value as Example;
                if (example) void open({ name: `${example}.onnx`, example });
              }}
            >
              <option value="">choose …</option>
              {Object.entries(EXAMPLES).map(([name, title]) => (
                <option key={name} value={name}>
                  {title}
                </option>
              ))}
            </select>
          </label>
          <label>
            shape of its input, where the file leaves it open
            <input
              value={shape}
              placeholder="3,224,224"
              onInput={({ currentTarget }) => setShape(currentTarget.value)}
            />
          </label>
        </div>
      </Drop>
      <Problem where="model" />
    </section>
  );
}
