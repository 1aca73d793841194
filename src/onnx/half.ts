/**
 * 16-bit floats, widened to 32 bits. Both directions of rounding are somebody else's: a float32 holds every float16 and
 * every bfloat16 exactly.
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

/** bfloat16 is the upper half of a binary32. */
export function fromBfloat16(half: number): number {
  bits[0] = half << 16;
  return asFloat[0];
}
