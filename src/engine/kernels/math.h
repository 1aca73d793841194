/*
 * Elementary functions on registers, by the usual range reductions and minimax polynomials (Cephes, Moshier 1989, for
 * exp and log; the rational forms for tanh and erf are those of Eigen's packet math, by coefficients only). Errors are a
 * few units in the last place; no libc, so that every target gives the same algorithm.
 */
#ifndef ESPALIER_MATH_H
#define ESPALIER_MATH_H
#include "base.h"

INLINE ivec to_int(vec x) { return __builtin_convertvector(x, ivec); }
INLINE vec to_float(ivec x) { return __builtin_convertvector(x, vec); }
INLINE vec vabs(vec x) { return (vec)((ivec)x & 0x7fffffff); }
INLINE ivec isplat(int x) { return (ivec){0} + x; }
INLINE vec ones(ivec mask) { return (vec)(mask & (ivec)splat(1)); }

INLINE vec vfloor(vec x) {
  vec big = vabs(x);
  ivec exact = (big >= splat(8388608.0f)) | (x != x);
  vec t = to_float(to_int(choose(exact, splat(0), x)));
  t -= ones(t > x);
  return choose(exact, x, t);
}
INLINE vec vround(vec x) { /* halves to even */
  vec magic = (vec)(((ivec)x & (int)0x80000000) | (ivec)splat(8388608.0f));
  vec r = (x + magic) - magic;
  return choose((vabs(x) >= splat(8388608.0f)) | (x != x), x, r);
}

INLINE vec vexp(vec x) {
  vec clipped = vmin(vmax(x, splat(-104.0f)), splat(88.73f));
  vec n = vround(clipped * 1.44269504088896341f);
  vec r = clipped - n * 0.693359375f;
  r -= n * -2.12194440e-4f;
  vec p = splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  ivec k = to_int(n), half = k >> 1;
  vec scale1 = (vec)((half + 127) << 23), scale2 = (vec)((k - half + 127) << 23);
  vec y = p * scale1 * scale2;
  y = choose(x > splat(88.7228f), splat(__builtin_inff()), y);
  y = choose(x < splat(-103.97f), splat(0), y);
  return choose(x != x, x, y);
}

INLINE vec vlog(vec x) {
  ivec tiny = x < splat(1.17549435e-38f);
  vec scaled = choose(tiny, x * 8388608.0f, x);
  ivec bits = (ivec)scaled;
  ivec e = ((bits >> 23) & 0xff) - 126;
  vec m = (vec)((bits & 0x007fffff) | 0x3f000000);
  ivec low = m < splat(0.707106781186547524f);
  e += low;
  m = choose(low, m + m, m) - 1.0f;
  vec z = m * m;
  vec p = splat(7.0376836292e-2f);
  p = p * m - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  vec n = to_float(e - (tiny & isplat(23)));
  vec y = p * m * z + n * -2.12194440e-4f - z * 0.5f;
  y = m + y + n * 0.693359375f;
  y = choose(x == splat(__builtin_inff()), x, y);
  y = choose(x == splat(0), splat(-__builtin_inff()), y);
  return choose((x < splat(0)) | (x != x), splat(__builtin_nanf("")), y);
}

INLINE vec vsqrt(vec x) {
  vec y = x;
  for (int i = 0; i < VL; i++) y[i] = __builtin_sqrtf(x[i]);
  return y;
}

INLINE vec vsigmoid(vec x) {
  vec e = vexp(-vabs(x)); /* never overflows; keeps the small tail exact */
  return choose(x >= splat(0), splat(1), e) / (e + 1.0f);
}

INLINE vec vtanh(vec x) {
  vec c = vmin(vmax(x, splat(-7.99881172180175781f)), splat(7.99881172180175781f));
  vec z = c * c;
  vec p = splat(-2.76076847742355e-16f);
  p = p * z + 2.00018790482477e-13f;
  p = p * z - 8.60467152213735e-11f;
  p = p * z + 5.12229709037114e-08f;
  p = p * z + 1.48572235717979e-05f;
  p = p * z + 6.37261928875436e-04f;
  p = p * z + 4.89352455891786e-03f;
  vec q = splat(1.19825839466702e-06f);
  q = q * z + 1.18534705686654e-04f;
  q = q * z + 2.26843463243900e-03f;
  q = q * z + 4.89352518554385e-03f;
  vec y = choose(vabs(x) < splat(0.0004f), x, c * p / q);
  return choose(x != x, x, y);
}

INLINE vec verf(vec x) {
  vec c = vmin(vmax(x, splat(-4)), splat(4));
  vec z = c * c;
  vec p = splat(-2.72614225801306e-10f);
  p = p * z + 2.77068142495902e-08f;
  p = p * z - 2.10102402082508e-06f;
  p = p * z - 5.69250639462346e-05f;
  p = p * z - 7.34990630326855e-04f;
  p = p * z - 2.95459980854025e-03f;
  p = p * z - 1.60960333262415e-02f;
  vec q = splat(-1.45660718464996e-05f);
  q = q * z - 2.13374055278905e-04f;
  q = q * z - 1.68282697438203e-03f;
  q = q * z - 7.37332916720468e-03f;
  q = q * z - 1.42647390514189e-02f;
  return choose(x != x, x, c * (p / q));
}

INLINE vec vpow(vec a, vec b) {
  vec size = vabs(a);
  vec y = vexp(b * vlog(size));
  ivec whole = vfloor(b) == b;
  vec half = b * 0.5f;
  ivec odd = whole & (vfloor(half) != half);
  y = choose((a < splat(0)) & odd, -y, y);
  y = choose((a < splat(0)) & ~whole, splat(__builtin_nanf("")), y);
  y = choose((b == splat(0)) | (a == splat(1)), splat(1), y);
  return choose((a == splat(0)) & (b > splat(0)), splat(0), y);
}

/* sin(x + quarter·π/2) by Cody–Waite reduction; good to 1e-6 for |x| < 10^4. */
INLINE vec vsincos(vec x, int quarter) {
  vec n = vround(x * 0.636619772367581343f);
  vec r = x - n * 1.5703125f;
  r -= n * 4.837512969970703125e-4f;
  r -= n * 7.54978995489188216e-8f;
  vec z = r * r;
  vec s = r + r * z * ((z * -1.9515295891e-4f + 8.3321608736e-3f) * z - 1.6666654611e-1f);
  vec c = z * z * ((z * 2.443315711809948e-5f - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) - z * 0.5f + 1.0f;
  ivec q = to_int(n) + quarter;
  vec y = choose((q & 1) != 0, c, s);
  return choose((q & 2) != 0, -y, y);
}

#endif
