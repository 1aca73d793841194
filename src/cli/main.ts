#!/usr/bin/env node
/** The program `espalier`. What a command needs is loaded when it is called: the version is told without any of it. */
import { version } from '../base/version.js';

const words = process.argv.slice(2);
if (words.length === 1 && ['--version', '-V'].includes(words[0])) console.log(version);
else await start();

async function start(): Promise<void> {
  const { command } = await import('./frame.js');
  process.exitCode = await command(async (signal) => {
    const { runProgram } = await import('./program.js');
    await runProgram(words, signal);
  });
}
