/*
 * Max-pooling, and linear maps between positions (average pooling, resizing, gathering). The compiler writes which
 * positions belong together; nothing here knows of windows.
 *
 * max_pool: y[r][q] = max over k of x[r][from[k]], k from start[q] to start[q+1]; `winner` keeps k − start[q], the first
 * of equals. max_pool_input gathers back: dx[r][p] = Σ dy[r][q] over those (q, k) reaching p whose winner is k.
 *
 * Tables hold line offsets within a row. Item: a run of rows over all blocks, block-major.
 */
#define EACH_ROW(first)                                            \
  int rows = a->rows * a->blocks, first = item * a->rows_per_item; \
  int last_row = min_int(rows, first + a->rows_per_item);          \
  for (int i = first; i < last_row; i++)

/* Where a row's image begins in the buffer at `line`. */
INLINE float *row_at(char *base, int32_t line, row_strides by, int64_t row, int64_t block) {
  return at(base, line) + (block * by.block + row * by.row) * LANES;
}

KERNEL(max_pool) {
  const int32_t *start = ints_at(base, a->start), *from = ints_at(base, a->from), *to = ints_at(base, a->to);
  EACH_ROW(first) {
    int64_t row = i % a->rows, block = i / a->rows;
    const float *x = row_at(base, a->x, a->x_by, row, block);
    float *y = row_at(base, a->y, a->y_by, row, block), *w = row_at(base, a->winner, a->winner_by, row, block);
    for (int q = 0; q < a->positions; q++)
      for (int p = 0; p < LANES; p += VL) {
        vec best = splat(-__builtin_inff()), winner = splat(0);
        for (int k = start[q]; k < start[q + 1]; k++) {
          vec v = load(x + (int64_t)from[k] * LANES + p);
          ivec better = (v > best) | (v != v);
          best = choose(better, v, best);
          winner = choose(better, splat(k - start[q]), winner);
        }
        store(y + (int64_t)to[q] * LANES + p, best);
        store(w + (int64_t)q * LANES + p, winner);
      }
  }
}

KERNEL(max_pool_input) {
  const int32_t *start = ints_at(base, a->start), *from = ints_at(base, a->from), *tap = ints_at(base, a->taps);
  const int32_t *to = ints_at(base, a->to);
  EACH_ROW(first) {
    int64_t row = i % a->rows, block = i / a->rows;
    float *dx = row_at(base, a->dx, a->dx_by, row, block);
    const float *dy = row_at(base, a->dy, a->dy_by, row, block), *w = row_at(base, a->winner, a->winner_by, row, block);
    for (int q = 0; q < a->positions; q++)
      for (int p = 0; p < LANES; p += VL) {
        vec sum = splat(0);
        for (int k = start[q]; k < start[q + 1]; k++) {
          ivec won = load(w + (int64_t)tap[2 * k] * LANES + p) == splat(tap[2 * k + 1]);
          sum += choose(won, load(dy + (int64_t)from[k] * LANES + p), splat(0));
        }
        store(dx + (int64_t)to[q] * LANES + p, sum);
      }
  }
}

/* positions: y[r][q][i] = Σ weight[k] · x[r][from[k]][i]. */
KERNEL(positions) {
  const int32_t *start = ints_at(base, a->start), *from = ints_at(base, a->from);
  const float *weight = at(base, a->weight);
  position_strides xs = a->x_by, ys = a->y_by;
  EACH_ROW(first) {
    int64_t row = i % a->rows, block = i / a->rows;
    const float *x = at(base, a->x) + (block * xs.block + row * xs.row) * LANES;
    float *y = at(base, a->y) + (block * ys.block + row * ys.row) * LANES;
    for (int q = 0; q < a->positions; q++)
      for (int j = 0; j < a->inner; j++)
        for (int p = 0; p < LANES; p += VL) {
          vec sum = splat(0);
          for (int k = start[q]; k < start[q + 1]; k++)
            sum += load(x + ((int64_t)from[k] * xs.position + (int64_t)j * xs.inner) * LANES + p) * weight[k];
          store(y + ((int64_t)q * ys.position + (int64_t)j * ys.inner) * LANES + p, sum);
        }
  }
}
