/** The geometry of convolutions and pools as ONNX writes it down: kernel_shape, strides, dilations, pads, auto_pad. */
import { fail } from '../../base/index.js';
import { attr } from '../../onnx/index.js';
import type { Window } from '../core.js';
import { describe, type Site } from '../operator.js';
import { damaged, oneOf } from './check.js';

/** Numbers of a window are smaller than this, so that sums and products of them are exact. */
export const outside = 2 ** 31;

/** A list attribute with one number per spatial axis, each `least` or more, `least` where absent. */
export function perAxis(site: Site, name: string, rank: number, least = 1): number[] {
  const list = attr.ints(
    site.node,
    name,
    Array.from({ length: rank }, () => least),
  );
  if (list.length !== rank || list.some((n) => !(n >= least && n < outside))) {
    fail(
      `${describe(site.node)} has ${name} [${list}] for ${rank} spatial dimensions; the model is damaged.`,
    );
  }
  return list;
}

/** Kernel size of a pool. */
export function kernelOf(site: Site): number[] {
  const kernel = attr.ints(site.node, 'kernel_shape');
  if (kernel.some((n) => !(n >= 1 && n < outside))) damaged(site, `has kernel_shape [${kernel}]`);
  return kernel;
}

/**
 * The window of a convolution or pool over an image of the size `spatial`; with auto_pad SAME_… the padding that gives
 * ⌈size/stride⌉ outputs, the odd one behind (SAME_UPPER) or in front (SAME_LOWER).
 */
export function windowOf(site: Site, kernel: readonly number[], spatial: readonly number[]): Window {
  const { node } = site;
  if (kernel.length !== spatial.length) {
    fail(
      `${describe(node)} slides a window [${kernel}] over an image of size [${spatial}]; the model is damaged.`,
    );
  }
  const strides = perAxis(site, 'strides', kernel.length);
  const dilations = perAxis(site, 'dilations', kernel.length);
  const reach = kernel.map((k, i) => dilations[i] * (k - 1) + 1);
  const auto = autoPad(site);
  if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
    const total = spatial.map((n, i) =>
      Math.max(0, (Math.ceil(n / strides[i]) - 1) * strides[i] + reach[i] - n),
    );
    return { kernel, strides, dilations, ...shared(total, auto === 'SAME_UPPER') };
  }
  const pads = auto === 'VALID' ? kernel.flatMap(() => [0, 0]) : padsOf(site, kernel.length);
  const window = {
    kernel,
    strides,
    dilations,
    padsBefore: pads.slice(0, kernel.length),
    padsAfter: pads.slice(kernel.length),
  };
  if (spatial.some((n, i) => n + window.padsBefore[i] + window.padsAfter[i] < reach[i])) {
    fail(
      `${describe(node)} slides a window of size [${reach}] over an image of size [${spatial}], which is smaller; give the model a larger input.`,
    );
  }
  return window;
}

/** How padding is said. */
export function autoPad(site: Site): string {
  oneOf(site, 'auto_pad', ['NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID']);
  return attr.string(site.node, 'auto_pad', 'NOTSET');
}

/** The attribute `pads`: all in front, then all behind. */
export function padsOf(site: Site, rank: number): number[] {
  const pads = attr.ints(
    site.node,
    'pads',
    Array.from({ length: 2 * rank }, () => 0),
  );
  if (pads.length !== 2 * rank || pads.some((n) => !(n >= 0 && n < outside))) {
    fail(`${describe(site.node)} has pads [${pads}] for ${rank} spatial dimensions; the model is damaged.`);
  }
  return pads;
}

/** Halves of the padding, the odd one behind or in front. */
export function shared(total: readonly number[], behind: boolean): Pick<Window, 'padsBefore' | 'padsAfter'> {
  const before = total.map((n) => (behind ? Math.floor(n / 2) : Math.ceil(n / 2)));
  return { padsBefore: before, padsAfter: total.map((n, i) => n - before[i]) };
}
