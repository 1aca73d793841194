/** Other versions of Node, and Node for another processor, from npm's packages of their binaries. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const SECONDS = 180;

export const major = Number.parseInt(process.versions.node, 10);

/** Whether there is a command of this name. */
export const has = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

/** Installs Node below build/, once, and returns the path of its binary; throws with the reason where that fails. */
function install(version, platform) {
  const name = `node-${platform}`;
  const folder = resolve('build', 'node', `${platform}-${version}`);
  const binary = join(folder, 'node_modules', name, 'bin', 'node');
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  const options = ['--no-save', '--ignore-scripts', '--force', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status } = spawnSync('npm', ['install', '--prefix', folder, ...options, `${name}@${version}`], {
    stdio: 'ignore',
    timeout: 1000 * SECONDS,
  });
  if (status !== 0 || !existsSync(binary)) throw new Error(`npm does not give ${name}@${version}`);
  return binary;
}

/** The Node of a major version for this machine. */
export const nodeOf = (version) =>
  version === major ? process.execPath : install(version, `${process.platform}-${process.arch}`);

/**
 * Node 22 for Arm under QEMU's emulation: a script that starts it. Child processes are started the same way, through `process.execPath`.
 */
export function emulatedNode() {
  const binary = install(22, 'linux-arm64');
  const script = resolve('build', 'node', 'emulated-arm64');
  const itself = `data:text/javascript,process.execPath=${encodeURIComponent(JSON.stringify(script))}`;
  writeFileSync(
    script,
    `#!/bin/sh\nexec qemu-aarch64 -L /usr/aarch64-linux-gnu '${binary}' --import '${itself}' "$@"\n`,
  );
  chmodSync(script, 0o755);
  return script;
}
