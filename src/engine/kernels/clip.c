/*
 * The projection onto a budget: z ↦ clip(z − v, 0, 1). Item k does the k-th run of CLIP_RUN elements, in double precision;
 * lanes are summed apart, so that the order of a sum is fixed. Elements beyond the last are 0 and stay so, as v ≥ 0.
 */
/* Half a unit in the last place below 1: the most that rounding can add. */
#define HALF_ULP 2.98023223876953125e-8
/* Doubles in a register. */
#define WIDE (VL / 2)

typedef double wide __attribute__((vector_size(VL * 4)));
typedef int64_t wide_mask __attribute__((vector_size(VL * 4)));
typedef float narrow __attribute__((vector_size(VL * 2)));

INLINE wide wide_splat(double x) { return x - (wide){0}; }
INLINE wide wide_choose(wide_mask mask, wide a, wide b) {
  return (wide)((mask & (wide_mask)a) | (~mask & (wide_mask)b));
}
/* clip(x, 0, 1); what is not a number stays. */
INLINE wide clipped(wide x) {
  wide low = wide_choose(x <= 0, wide_splat(0), x);
  return wide_choose(low >= 1, wide_splat(1), low);
}

#define EACH_WIDE                                                                                              \
  char *z = (char *)at(base, a->z);                                                                            \
  wide v = wide_splat(*(double *)at(base, a->v));                                                              \
  int64_t from = (int64_t)item * CLIP_RUN, to = from + CLIP_RUN < a->elements ? from + CLIP_RUN : a->elements; \
  for (int64_t i = from; i < to; i += WIDE)

#define ELEMENT (*(narrow *)(z + 4 * i))

/* Σ clip(z − v, 0, 1) and how many z − v lie inside (0, 1). */
KERNEL(clip_sum) {
  double *results = (double *)at(base, a->results) + 2 * item;
  wide sums = {0};
  wide_mask counts = {0};
  EACH_WIDE {
    wide x = __builtin_convertvector(ELEMENT, wide) - v;
    sums += clipped(x);
    counts -= (x > 0) & (x < 1);
  }
  results[0] = results[1] = 0;
  for (int j = 0; j < WIDE; j++) results[0] += sums[j], results[1] += counts[j];
}

/*
 * clip(z − v, 0, 1) in place. What rounding takes from an element of a lane is given to the next one that is inside; a lane
 * that begins with half a unit less than it has never ends with more.
 */
KERNEL(clip) {
  wide carry = wide_splat(*(double *)at(base, a->v) > 0 ? -HALF_ULP : 0);
  EACH_WIDE {
    wide x = __builtin_convertvector(ELEMENT, wide) - v, y = x + carry;
    wide rounded = __builtin_convertvector(__builtin_convertvector(clipped(y), narrow), wide);
    wide_mask inside = (x > 0) & (x < 1);
    carry = wide_choose(inside, y - rounded, carry);
    ELEMENT = __builtin_convertvector(wide_choose(inside, rounded, clipped(x)), narrow);
  }
}
