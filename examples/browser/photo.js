/** Shows what model.espk finds in a photo that somebody chooses, drops or pastes. */
import { classify, load } from './espalier/runtime.js';

const $ = (id) => document.querySelector(`#${id}`);
const [drop, file, photo, found, labels] = ['drop', 'file', 'photo', 'found', 'labels'].map($);

function row({ label, score }) {
  const line = labels.insertRow();
  line.append(Object.assign(document.createElement('th'), { scope: 'row', textContent: label }));
  line.insertCell().textContent = `${(100 * score).toFixed(1)} %`;
  const meter = Object.assign(document.createElement('meter'), { value: score });
  meter.setAttribute('aria-label', `score of ${label}`);
  line.insertCell().append(meter);
}

/** The latest photo counts: an earlier one that takes longer is not shown. */
let latest = 0;

async function show(model, picture) {
  const mine = ++latest;
  URL.revokeObjectURL(photo.src);
  photo.src = URL.createObjectURL(picture);
  found.textContent = 'Looking …';
  labels.replaceChildren();
  try {
    const start = performance.now();
    const best = await classify(model, picture);
    if (mine !== latest) return;
    for (const each of best) row(each);
    const time = (performance.now() - start).toFixed(0);
    found.textContent = `${best[0].label}, ${(100 * best[0].score).toFixed(1)} % (${time} ms)`;
  } catch (error) {
    if (mine === latest) found.textContent = error.message;
  }
}

/** The first picture among files that were chosen, dropped or pasted. */
const pictureIn = (files) => [...(files ?? [])].find(({ type }) => type.startsWith('image/')) ?? files?.[0];

try {
  const model = await load('model.espk');
  const take = (files) => {
    const picture = pictureIn(files);
    if (picture) show(model, picture);
  };
  file.addEventListener('change', () => take(file.files));
  addEventListener('paste', ({ clipboardData }) => take(clipboardData?.files));
  for (const [kind, over] of [
    ['dragover', true],
    ['dragleave', false],
    ['drop', false],
  ])
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.toggle('over', over);
    });
  drop.addEventListener('drop', ({ dataTransfer }) => take(dataTransfer?.files));
  file.disabled = false;
  found.textContent = 'No photo yet.';
} catch (error) {
  found.textContent = error.message;
}
drop.dataset.ready = '';
