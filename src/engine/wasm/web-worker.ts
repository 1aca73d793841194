/** A thread of the WebAssembly engine in a browser; its first message says which. */
import { type Post, serve } from './module.js';

self.addEventListener(
  'message',
  ({ data }: MessageEvent<Post>) => serve(data, (news) => self.postMessage(news)),
  {
    once: true,
  },
);
