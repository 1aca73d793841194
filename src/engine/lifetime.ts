/**
 * Handles on a machine's memory. Once a handle is closed its memory belongs to others, so it must neither be used nor be
 * given back again; and while a call is under way it must stay.
 */
import { fail } from '../base/index.js';

/**
 * The handle with methods that throw a UserError once it is closed. Closing twice does nothing; memory is given back when
 * the calls under way have ended, and `ended` is called after that.
 * @param what names the handle to people: 'network'.
 */
export function closable<Handle extends { close(): void }>(
  handle: Handle,
  what: string,
  ended: () => void = () => {},
): Handle {
  let closed = false;
  let underWay = 0;
  const endIfIdle = () => {
    if (!closed || underWay > 0) return;
    handle.close();
    ended();
  };
  const guard =
    (method: (...given: unknown[]) => unknown) =>
    (...given: unknown[]) => {
      if (closed) fail(`This ${what} is closed and can no longer be used; open another one.`);
      const result = method(...given);
      if (!(result instanceof Promise)) return result;
      underWay++;
      return result.finally(() => {
        underWay--;
        endIfIdle();
      });
    };
  const guarded = Object.entries(handle).map(([name, member]) => [
    name,
    typeof member === 'function' ? guard(member) : member,
  ]);
  return {
    ...Object.fromEntries(guarded),
    close() {
      if (closed) return;
      closed = true;
      endIfIdle();
    },
  };
}
