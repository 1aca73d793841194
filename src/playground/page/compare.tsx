/** Original and pruned model side by side: on a picture, a frame of the camera, a moment of the microphone, or random numbers. */
import { useRef, useState } from 'preact/hooks';
import { percent } from '../../base/index.js';
import type { Answer, Comparison, Frame } from '../protocol.js';
import { cameraFrame, heard, pixelsOf } from './capture.js';
import { Drop } from './drop.js';
import { Problem } from './problem.js';
import { ask, during, result } from './state.js';

export function Compare() {
  const { pictures, samples } = result.value!.takes;
  const [shown, setShown] = useState('');
  const [found, setFound] = useState<Comparison>();
  const [onnxruntime, setOnnxruntime] = useState(true);
  const video = useRef<HTMLVideoElement>(null);
  const [live, setLive] = useState(false);
  const show = (take: () => Promise<Frame>) =>
    during('Comparing', 'compare', async () => {
      setFound(await ask('compare', { frame: await take(), onnxruntime }));
    });
  const picture = async (file: Blob): Promise<Frame> => {
    setShown((before) => {
      URL.revokeObjectURL(before);
      return URL.createObjectURL(file);
    });
    return { kind: 'picture', pixels: await pixelsOf(await createImageBitmap(file)) };
  };
  const camera = async (): Promise<Frame> => {
    setLive(true);
    return { kind: 'picture', pixels: await cameraFrame(video.current!) };
  };
  return (
    <section aria-labelledby="compare-title">
      <h2 id="compare-title">5. Compare</h2>
      <div class="row">
        {pictures && (
          <button type="button" onClick={() => void show(camera)}>
            Take a frame of the camera
          </button>
        )}
        {samples !== undefined && (
          <button type="button" onClick={() => void show(async () => ({ kind: 'samples', values: await heard(samples) }))}>
            Listen to the microphone
          </button>
        )}
        <button type="button" onClick={() => void show(async () => ({ kind: 'random' }))}>
          Time them on made-up numbers
        </button>
        <label class="check">
          <input
            type="checkbox"
            checked={onnxruntime}
            onChange={({ currentTarget }) => setOnnxruntime(currentTarget.checked)}
          />
          time onnxruntime-web, too
        </label>
      </div>
      {pictures && (
        <Drop label="Drop a picture here, or choose one" accept="image/*" take={([{ file }]) => void show(() => picture(file))}>
          {shown && <img class="shown" src={shown} alt="The picture that both models are shown" />}
        </Drop>
      )}
      <video ref={video} hidden={!live} muted playsInline aria-label="Camera" />
      <Problem where="compare" />
      {found && <Sides found={found} />}
    </section>
  );
}

function Sides({ found }: { found: Comparison }) {
  const { original, pruned, difference, machine, without } = found;
  return (
    <div role="status">
      <div class="sides">
        <Side title="Original" answer={original} />
        <Side title="Pruned" answer={pruned} />
      </div>
      <p>
        {original.labels
          ? `Their scores differ by ${percent(difference)} at most.`
          : `Their answers differ by ${difference.toPrecision(2)} of the largest.`}{' '}
        Times are medians on {machine}, a sample at a time. {without && `onnxruntime-web was not timed: ${without}`}
      </p>
    </div>
  );
}

function Side({ title, answer: { labels, espalier, onnxruntime } }: { title: string; answer: Answer }) {
  return (
    <section aria-label={title}>
      <h3>{title}</h3>
      {labels && (
        <ol>
          {labels.map(({ label, score }) => (
            <li key={label}>
              {label}: {percent(score)}
            </li>
          ))}
        </ol>
      )}
      <dl class="figures">
        <div>
          <dt>espalier/runtime</dt>
          <dd>{milliseconds(espalier)}</dd>
        </div>
        {onnxruntime !== undefined && (
          <div>
            <dt>onnxruntime-web</dt>
            <dd>{milliseconds(onnxruntime)}</dd>
          </div>
        )}
      </dl>
    </section>
  );
}

const milliseconds = (value: number): string => `${value.toPrecision(3)} ms`;
