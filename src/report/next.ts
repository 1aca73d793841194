/** What a person may do with the result of a run, in plain words and with the commands for it. */

import { percent } from '../base/index.js';
import type { Summary } from '../runs/index.js';
import { worstFirst } from './classes.js';
import { quoted } from './command.js';
import { commandBlock, html } from './page.js';
import { verdictOf } from './verdict.js';

interface Step {
  /** Plain text. */
  text: string;
  command?: string;
}

/** How much more than the average a class has to lose to be named. */
const UNEVEN = 0.05;

/** The steps as HTML; commands are to be run in the folder of the report. */
export function nextSteps(summary: Summary): string {
  const items = stepsFor(summary).map(
    ({ text, command }) => `<li>${html(text)}${command ? commandBlock(command) : ''}</li>`,
  );
  return `<p>Run these commands in the folder of this report.</p><ul>${items.join('')}</ul>`;
}

export function stepsFor(summary: Summary): Step[] {
  return [...(summary.command === 'train' ? trained(summary) : pruned(summary)), ...unevenClasses(summary)];
}

const trained = ({ data }: Summary): Step[] => [
  {
    text: 'Make the model smaller and faster by removing half of its multiply-accumulates:',
    command: `espalier slim model.onnx --data ${quoted(data)} --out slim`,
  },
  { text: 'Measure how long one sample takes on this machine:', command: 'espalier bench model.onnx' },
];

function pruned(summary: Summary): Step[] {
  const { channels, accuracy, objective, latency } = summary;
  const measured = accuracy !== undefined || objective !== undefined;
  const bad = measured && verdictOf(summary) !== undefined;
  return [
    ...(bad
      ? [
          {
            text: 'Do not use this model yet: run the command below again with the changes that the warning names.',
          },
        ]
      : []),
    ...(measured ? [] : withoutData),
    ...(channels ? ofChannels(latency !== undefined) : ofZeros),
    ...(accuracy && !bad
      ? [
          {
            text: 'Check the accuracy on samples that the run has never seen, such as photos of your own:',
            command: 'espalier eval model.onnx --data images:PHOTOS',
          },
        ]
      : []),
  ];
}

const withoutData: Step[] = [
  {
    text: 'No data was used, so nobody knows the accuracy yet. Measure it on your own samples (a folder per class):',
    command: 'espalier eval model.onnx --data images:PHOTOS',
  },
  {
    text: 'If the accuracy is too low, give the same command your data with --data instead of --data none: the model is then trained while it is pruned.',
  },
];

const ofChannels = (measured: boolean): Step[] => [
  {
    text: measured
      ? 'Use model.onnx in any runtime. The latency in the table above was measured in onnxruntime on this machine; measure it on the machine that will run the model:'
      : 'Use model.onnx in any runtime: its tensors are smaller, so it is smaller and faster everywhere. Measure how much faster:',
    command: 'espalier bench checkpoint/start.onnx model.onnx',
  },
];

const ofZeros: Step[] = [
  {
    text: 'The zeros save space once they are left out of the file. Write a packed file for espalier/runtime:',
    command: 'espalier pack model.onnx',
  },
  {
    text: 'Measure the latency beside that of the original. Runtimes that multiply by zeros gain nothing:',
    command: 'espalier bench checkpoint/start.onnx model.onnx',
  },
  {
    text: 'If the model has to be faster in every runtime, remove whole channels instead: use a structured method such as l1-filters with --macs 0.5.',
  },
];

function unevenClasses({ classes = [], accuracy }: Summary): Step[] {
  if (accuracy?.before === undefined || classes.length < 2) return [];
  const [{ name, accuracy: own }] = worstFirst(classes);
  const loss = (own.before ?? 0) - own.after;
  if (loss <= accuracy.before - accuracy.after + UNEVEN) return [];
  return [
    {
      text: `The class ${name} lost more than the others: from ${percent(own.before ?? 0, 1)} to ${percent(own.after, 1)}. If it matters to you, prune less or train longer.`,
    },
  ];
}
