#!/usr/bin/env node
/** The program `espalier`. The first Ctrl-C stops a run where it can be resumed, the second stops at once. */
import { runProgram } from './program.js';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  });

process.exitCode = await runProgram(process.argv.slice(2), stop.signal);
