/** Functions of users' own: what goes wrong in one is told as theirs, not as a defect of ours. */
import { UserError } from './errors.js';

type Callable = (this: unknown, ...args: never[]) => unknown;

/**
 * A user's function, of the same name. What it throws, unless it is a sentence already, becomes one that begins with `what`; the error itself is its `cause`.
 */
export function guarded<Own extends Callable>(what: string, own: Own): Own {
  const called = function (this: unknown, ...args: never[]): unknown {
    try {
      return own.apply(this, args);
    } catch (error) {
      if (error instanceof UserError) throw error;
      const told = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      const sentence = new UserError(`${what} failed: ${told}; set ESPALIER_DEBUG=1 to see where.`);
      sentence.cause = error;
      throw sentence;
    }
  };
  return Object.defineProperty(called, 'name', { value: own.name }) as unknown as Own;
}

/** What was guarded, so that the same given twice is the same. */
const known = new WeakMap<object, object>();

/** A user's function, or an object with each of its functions, guarded: the same for the same. */
export function guardedParts<Own extends object>(what: string, own: Own): Own {
  const made = known.get(own) ?? guardedAnew(what, own);
  known.set(own, made);
  return made as Own;
}

function guardedAnew<Own extends object>(what: string, own: Own): Own {
  if (typeof own === 'function') return guarded(what, own as unknown as Callable) as unknown as Own;
  const parts = Object.entries(own).map(([name, part]) => [
    name,
    typeof part === 'function' ? guarded(`The function ${name} of ${lower(what)}`, part as Callable) : part,
  ]);
  return Object.fromEntries(parts) as Own;
}

const lower = (what: string): string => what.charAt(0).toLowerCase() + what.slice(1);
