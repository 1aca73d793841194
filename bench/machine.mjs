/** What the figures were measured on and with, for whoever compares them. */
import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

const firstLine = (command, args) => {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim().split('\n')[0] : undefined;
};

export function describeMachine() {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    architecture: process.arch,
    system: process.platform,
    cores: availableParallelism(),
    memory: totalmem(),
    node: process.version,
    compiler: firstLine(process.env.CC || 'cc', ['--version']) ?? 'none',
    /** Processes that wanted to run in the last minute: near 0 on a machine that may be believed. */
    load: loadavg()[0],
  };
}

export const machineText = ({
  processor,
  architecture,
  system,
  cores,
  memory,
  node,
  compiler,
  load,
}) => `${processor} (${architecture}, ${system}), ${cores} cores, ${(memory / 1e9).toFixed(0)} GB; Node ${node}; \
compiler: ${compiler}; load before the run: ${load.toFixed(2)}.`;
