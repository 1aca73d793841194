/*
 * The k-th largest magnitude by radix: the bits of a float without its sign are ordered as magnitudes are. Item k does the
 * k-th run of RANK_RUN elements.
 */
#define RANK_RUN 262144
#define BINS 2048
#define COUNTS (BINS + 1)
#define TURNS 4
#define MAGNITUDE 0x7fffffffu

/*
 * Counts the magnitudes whose bits are `base` + 0 … BINS · 2^shift − 1, 2^shift to a bin, and, in a last count, those above
 * them all. args: values, counts (COUNTS ints a run), base and shift (ints) (lines), elements.
 */
static void magnitude_counts(const int32_t *a, char *base, int item, int thread) {
  (void)thread;
  const uint32_t *values = (const uint32_t *)at(base, a[0]), *window = (const uint32_t *)ints_at(base, a[2]);
  int32_t *counts = ints_at(base, a[1]) + (int64_t)COUNTS * item;
  uint32_t first = window[0], shift = window[1], width = (uint32_t)BINS << shift;
  int64_t from = (int64_t)item * RANK_RUN, to = from + RANK_RUN < a[3] ? from + RANK_RUN : a[3];
  /* Neighbours often meet in a bin, and an addition waits for the last one there: so they take turns. */
  int32_t turns[TURNS][BINS], above = 0;
  for (int t = 0; t < TURNS; t++)
    for (int i = 0; i < BINS; i++) turns[t][i] = 0;
  for (int64_t line = from; line < to; line += LANES) {
    int64_t end = line + LANES < to ? line + LANES : to;
    uint32_t within = 0;
    for (int64_t i = line; i < end; i++) {
      uint32_t key = values[i] & MAGNITUDE;
      within |= key - first < width;
      above += key >= first && key - first >= width;
    }
    /* Where the window is narrow, few lines have any. */
    if (!within) continue;
    for (int64_t i = line; i < end; i++) {
      uint32_t past = (values[i] & MAGNITUDE) - first;
      if (past < width) turns[i % TURNS][past >> shift]++;
    }
  }
  for (int i = 0; i < BINS; i++) {
    counts[i] = 0;
    for (int t = 0; t < TURNS; t++) counts[i] += turns[t][i];
  }
  counts[BINS] = above;
}

/*
 * Marks (1, else 0) magnitudes above the k-th, and the first `quota` of the run that equal it. args: values, marks, the
 * k-th's bits, quotas (ints) (lines), elements.
 */
static void magnitude_marks(const int32_t *a, char *base, int item, int thread) {
  (void)thread;
  const uint32_t *values = (const uint32_t *)at(base, a[0]), kth = *(const uint32_t *)ints_at(base, a[2]);
  float *marks = at(base, a[1]);
  int32_t quota = ints_at(base, a[3])[item];
  int64_t from = (int64_t)item * RANK_RUN, to = from + RANK_RUN < a[4] ? from + RANK_RUN : a[4];
  for (int64_t i = from; i < to; i++) marks[i] = (values[i] & MAGNITUDE) > kth ? 1 : 0;
  for (int64_t i = from; quota > 0; i++)
    if ((values[i] & MAGNITUDE) == kth) {
      marks[i] = 1;
      quota--;
    }
}
