/** A program's frame: Ctrl-C, closed pipes, and what went wrong told in a sentence and an exit status. */
import { CommanderError } from 'commander';
import { UserError } from '../base/told.js';
import { Stopped } from './face.js';
import { write } from './out.js';
import { styled } from './style.js';

const DONE = 0;
const FAILED = 1;
const STOPPED = 130;

/**
 * Does the work and gives the exit status. The first Ctrl-C aborts the signal, so that the work can be resumed; the
 * second ends the process. Whoever reads the output may stop reading: the work goes on.
 */
export async function command(work: (signal: AbortSignal) => Promise<void>): Promise<number> {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(STOPPED);
      stop.abort();
    });
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  try {
    await work(stop.signal);
    return DONE;
  } catch (error) {
    return tell(error, stop.signal);
  }
}

/** Says on standard error what went wrong. */
function tell(error: unknown, signal: AbortSignal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? DONE : FAILED;
  const say = (sentence: string, status: number) => {
    write(process.stderr, `${styled(status === STOPPED ? 'warning' : 'error', 'espalier:')} ${sentence}`);
    return status;
  };
  if (error instanceof Stopped) return say(error.message, STOPPED);
  if (signal.aborted && error === signal.reason) return say('Stopped.', STOPPED);
  const debug = process.env.ESPALIER_DEBUG === '1';
  if (error instanceof UserError) {
    const { stack } = Object(error.cause) as Partial<Error>;
    return say(debug && stack ? `${error.message}\n${stack}` : error.message, FAILED);
  }
  const { name, message, stack } = error as Error;
  if (debug) return say(stack ?? message, FAILED);
  return say(
    `this is a defect of espalier: ${name}: ${message.split('\n')[0]}; set ESPALIER_DEBUG=1 to see where, and please report it.`,
    FAILED,
  );
}
