/** What both models are shown: pixels of a picture or of the camera, and what the microphone hears. */

type Source = ImageBitmap | HTMLVideoElement;

export async function pixelsOf(source: Source): Promise<ImageData> {
  const [width, height] =
    source instanceof HTMLVideoElement
      ? [source.videoWidth, source.videoHeight]
      : [source.width, source.height];
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
  context.drawImage(source, 0, 0);
  return context.getImageData(0, 0, width, height);
}

/** A frame of the camera, which is asked for the first time, and shown in `video` from then on. */
export async function cameraFrame(video: HTMLVideoElement): Promise<ImageData> {
  if (!video.srcObject) {
    video.srcObject = await asked({ video: { facingMode: 'environment' } });
    await video.play();
  }
  return pixelsOf(video);
}

const RATE = 16_000;

/** So many values of what the microphone hears, 16,000 a second. */
export async function heard(samples: number): Promise<Float32Array> {
  const stream = await asked({ audio: true });
  try {
    const recorder = new MediaRecorder(stream);
    const parts: Blob[] = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    const ended = new Promise((resolve) => {
      recorder.onstop = resolve;
    });
    recorder.start();
    await new Promise((resolve) => setTimeout(resolve, (1000 * samples) / RATE + 300));
    recorder.stop();
    await ended;
    const context = new OfflineAudioContext(1, samples, RATE);
    const sound = await context.decodeAudioData(await new Blob(parts).arrayBuffer());
    const values = new Float32Array(samples);
    values.set(sound.getChannelData(0).subarray(0, samples));
    return values;
  } finally {
    for (const track of stream.getTracks()) track.stop();
  }
}

const asked = (what: MediaStreamConstraints): Promise<MediaStream> => {
  if (!navigator.mediaDevices)
    throw new Error('Browsers give cameras and microphones only to pages of this machine or with https.');
  return navigator.mediaDevices.getUserMedia(what).catch((error: Error) => {
    throw new Error(`The browser gives none: ${error.message}.`);
  });
};
