/** The worker of the playground: it answers what the page asks (protocol.ts), one after the other, but for a stop. */
import { UserError } from '../base/index.js';
import { calls } from './calls.js';
import type { Message, News, Request } from './protocol.js';

const post = (message: Message): void => self.postMessage(message);
const tell = (news: News): void => post(news);

let last: Promise<unknown> = Promise.resolve();

async function answer({ id, call, given }: Request): Promise<void> {
  try {
    post({
      id,
      answer: await (calls[call] as (given: unknown, tell: (news: News) => void) => unknown)(given, tell),
    });
  } catch (error) {
    const { message, stack } = error as Error;
    if (!(error instanceof UserError)) console.error(stack);
    post({ id, refusal: error instanceof UserError ? message : `This went wrong: ${message}` });
  }
}

export function serve(): void {
  // Held until the worker ends, however it ends: the page waits for it (page/state.ts).
  void navigator.locks?.request(self.name, () => new Promise(() => {}));
  self.addEventListener('message', ({ data }: MessageEvent<Request>) => {
    if (data.call === 'stop') void answer(data);
    else last = last.then(() => answer(data));
  });
}
