/*
 * The k-th largest magnitude by radix: the bits of a float without its sign are ordered as magnitudes are. Item k does the
 * k-th run of RANK_RUN elements.
 */
#define TURNS 4
#define MAGNITUDE 0x7fffffffu

/*
 * Counts the magnitudes whose bits are `base` + 0 … RANK_BINS · 2^shift − 1, 2^shift to a bin, and, in a last count, those above
 * them all.
 */
KERNEL(magnitude_counts) {
  const uint32_t *values = (const uint32_t *)at(base, a->values), *window = (const uint32_t *)ints_at(base, a->window);
  int32_t *counts = ints_at(base, a->counts) + (int64_t)RANK_COUNTS * item;
  uint32_t first = window[0], shift = window[1], width = (uint32_t)RANK_BINS << shift;
  int64_t from = (int64_t)item * RANK_RUN, to = from + RANK_RUN < a->elements ? from + RANK_RUN : a->elements;
  /* Neighbours often meet in a bin, and an addition waits for the last one there: so they take turns. */
  int32_t turns[TURNS][RANK_BINS], above = 0;
  for (int t = 0; t < TURNS; t++)
    for (int i = 0; i < RANK_BINS; i++) turns[t][i] = 0;
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
  for (int i = 0; i < RANK_BINS; i++) {
    counts[i] = 0;
    for (int t = 0; t < TURNS; t++) counts[i] += turns[t][i];
  }
  counts[RANK_BINS] = above;
}

/*
 * Marks (1, else 0) magnitudes above the k-th, and the first `quota` of the run that equal it.
 */
KERNEL(magnitude_marks) {
  const uint32_t *values = (const uint32_t *)at(base, a->values), kth = *(const uint32_t *)ints_at(base, a->kth);
  float *marks = at(base, a->marks);
  int32_t quota = ints_at(base, a->quotas)[item];
  int64_t from = (int64_t)item * RANK_RUN, to = from + RANK_RUN < a->elements ? from + RANK_RUN : a->elements;
  for (int64_t i = from; i < to; i++) marks[i] = (values[i] & MAGNITUDE) > kth ? 1 : 0;
  for (int64_t i = from; quota > 0; i++)
    if ((values[i] & MAGNITUDE) == kth) {
      marks[i] = 1;
      quota--;
    }
}
