import { arrange, type LayoutRequest } from './layout.js';

addEventListener('message', ({ data }: MessageEvent<LayoutRequest>) => postMessage(arrange(data)));
