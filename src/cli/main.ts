#!/usr/bin/env node
/** The program `espalier`. */
import { command } from './frame.js';
import { program } from './program.js';

process.exitCode = await command(async (signal) => {
  await program(signal).parseAsync();
});
