/**
 * 16-bit floats, to and from 32 bits. A float32 holds every float16 and every bfloat16 exactly; the other way numbers are rounded to the
 * nearest, halves to even, and what is finite stays finite: it becomes the largest number there is.
 */

const bits = new Uint32Array(1);
const asFloat = new Float32Array(bits.buffer);

/**
 * IEEE 754 binary16: sign, 5 bits of exponent (bias 15), 10 of fraction. Moving the 15 low bits up by 13 lines the
 * fields up with binary32, whose bias is larger by 112; sub-normals are multiples of 2^-24.
 */
export function fromFloat16(half: number): number {
  const rest = half & 0x7fff;
  if (rest < 0x0400) return (half & 0x8000 ? -1 : 1) * rest * 2 ** -24;
  const widened = rest < 0x7c00 ? (rest << 13) + (112 << 23) : (rest << 13) | 0x7f800000;
  bits[0] = ((half & 0x8000) << 16) | widened;
  return asFloat[0];
}

/** The bits of the float16 that is nearest. */
export function toFloat16(x: number): number {
  asFloat[0] = x;
  const sign = (bits[0] >>> 16) & 0x8000;
  const rest = bits[0] & 0x7fffffff;
  if (rest >= 0x7f800000) return sign | 0x7c00 | (rest > 0x7f800000 ? 0x200 : 0);
  // Below 2^-14 there is no leading 1 that goes unsaid; adding a number whose last place is 2^-24 rounds to that.
  if (rest < 0x38800000) {
    asFloat[0] = Math.abs(x) + 0.5;
    return sign | (bits[0] - 0x3f000000);
  }
  return sign | Math.min(roundedOff(rest - (112 << 23), 13), 0x7bff);
}

/** The bits of the bfloat16 that is nearest. */
export function toBfloat16(x: number): number {
  asFloat[0] = x;
  const sign = (bits[0] >>> 16) & 0x8000;
  const rest = bits[0] & 0x7fffffff;
  if (rest >= 0x7f800000) return sign | 0x7f80 | (rest > 0x7f800000 ? 0x40 : 0);
  return sign | Math.min(roundedOff(rest, 16), 0x7f7f);
}

/** Without its last bits; a carry moves on into the exponent by itself. */
const roundedOff = (value: number, places: number): number =>
  (value + (1 << (places - 1)) - 1 + ((value >>> places) & 1)) >>> places;

/** bfloat16 is the upper half of a binary32. */
export function fromBfloat16(half: number): number {
  bits[0] = half << 16;
  return asFloat[0];
}

/**
 * Does something as if the host had no Float16Array. onnxruntime looks for one when its first tensor is made and from then on hands
 * it to its binary, which does not know it (Node has it since version 24); otherwise it takes and gives the bits, as Uint16Array.
 */
export function withoutFloat16Array<T>(work: () => T): T {
  const host = globalThis as { Float16Array?: unknown };
  const own = Object.getOwnPropertyDescriptor(host, 'Float16Array');
  if (own) delete host.Float16Array;
  try {
    return work();
  } finally {
    if (own) Object.defineProperty(host, 'Float16Array', own);
  }
}
