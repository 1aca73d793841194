/** The geometry of convolutions and pools as ONNX writes it down: kernel_shape, strides, dilations, pads, auto_pad. */
import { fail } from '../../base/errors.js';
import { attr } from '../../onnx/attributes.js';
import type { Window } from '../core.js';
import { describe, type Site } from '../operator.js';

/** A list attribute with one positive number per spatial axis, 1 where absent. */
function perAxis(site: Site, name: string, rank: number): number[] {
  const list = attr.ints(
    site.node,
    name,
    Array.from({ length: rank }, () => 1),
  );
  if (list.length !== rank || list.some((n) => n < 1)) {
    fail(
      `${describe(site.node)} has ${name} [${list}] for ${rank} spatial dimensions; the model is damaged.`,
    );
  }
  return list;
}

/** Kernel size of a pool. */
export const kernelOf = (site: Site): number[] => attr.ints(site.node, 'kernel_shape');

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
  const auto = attr.string(node, 'auto_pad', 'NOTSET');
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

/** The attribute `pads`: all in front, then all behind. */
export function padsOf(site: Site, rank: number): number[] {
  const pads = attr.ints(
    site.node,
    'pads',
    Array.from({ length: 2 * rank }, () => 0),
  );
  if (pads.length !== 2 * rank) {
    fail(`${describe(site.node)} has pads [${pads}] for ${rank} spatial dimensions; the model is damaged.`);
  }
  return pads;
}

/** Halves of the padding, the odd one behind or in front. */
export function shared(total: readonly number[], behind: boolean): Pick<Window, 'padsBefore' | 'padsAfter'> {
  const before = total.map((n) => (behind ? Math.floor(n / 2) : Math.ceil(n / 2)));
  return { padsBefore: before, padsAfter: total.map((n, i) => n - before[i]) };
}
