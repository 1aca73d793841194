/** Loads model.espk and model.onnx, compares their outputs, and lets them take turns before a clock; ?rounds=20 of them. */
import { anyInputs, difference, espalier, onnxruntime, race } from './contestants.js';

const status = document.querySelector('#status');
const rows = document.querySelector('#rows');

const median = (times) => [...times].sort((a, b) => a - b)[times.length >> 1];
const bytesOf = async (address) => (await (await fetch(address)).arrayBuffer()).byteLength;

function show(name, bytes, time, slowest) {
  const row = rows.insertRow();
  row.append(Object.assign(document.createElement('th'), { textContent: name }));
  row.insertCell().textContent = `${(bytes / 1000).toFixed(0)} kB`;
  row.insertCell().textContent = `${time.toFixed(2)} ms`;
  row.insertCell().append(Object.assign(document.createElement('meter'), { value: time / slowest }));
}

try {
  const packed = await espalier('model.espk');
  const threads = crossOriginIsolated ? navigator.hardwareConcurrency : 1;
  const plain = await onnxruntime('model.onnx', packed.inputs, threads);
  const contestants = [packed, plain];
  const inputs = anyInputs(packed.inputs);
  const far = difference(await packed.run(inputs), await plain.run(inputs));
  status.textContent = 'Taking turns …';
  const rounds = Number(new URLSearchParams(location.search).get('rounds') ?? 20);
  const times = (await race(contestants, inputs, { rounds })).map(median);
  const sizes = await Promise.all(['model.espk', 'model.onnx'].map(bytesOf));
  for (const [i, { name }] of contestants.entries()) show(name, sizes[i], times[i], Math.max(...times));
  status.textContent = `Outputs differ by ${far.toExponential(0)} of the largest; espalier is ${(times[1] / times[0]).toFixed(1)} × as fast.`;
} catch (error) {
  status.textContent = error.message;
}
document.body.dataset.done = '';
