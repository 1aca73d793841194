/** Tests on WebGPU without a GPU: by the SwiftShader that Debian's chromium brings, for the package `webgpu`, which is too large to come with every clone. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { openBench } from './run.mjs';
import { webGpuTests } from './ways.mjs';

const LIBRARIES = '/usr/lib/chromium';
const DRIVER = `${LIBRARIES}/vk_swiftshader_icd.json`;
const VERSION = '0.6.2';

const folder = () => resolve('build', 'webgpu');
const module = () => join(folder(), 'node_modules', 'webgpu', 'index.js');

/** Installs the package below build/, once; the reason why there is none. */
export function softwareIsMissing() {
  if (process.platform !== 'linux' || !existsSync(DRIVER)) return `there is no ${DRIVER}`;
  if (existsSync(module())) return undefined;
  mkdirSync(folder(), { recursive: true });
  const options = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const args = ['install', '--prefix', folder(), ...options, `webgpu@${VERSION}`];
  const { status } = spawnSync('npm', args, { stdio: 'ignore', timeout: 300_000 });
  return status === 0 && existsSync(module()) ? undefined : `npm does not give webgpu@${VERSION}`;
}

/** The tests of kernels that are for it: operators beside PyTorch, steps of training beside those on the CPU. */
export function runOnSoftware(bench) {
  const env = {
    ESPALIER_ENGINE: 'webgpu',
    ESPALIER_WEBGPU: module(),
    LD_LIBRARY_PATH: LIBRARIES,
    VK_ICD_FILENAMES: DRIVER,
  };
  return openBench({ ...bench, env }).tests(webGpuTests());
}
