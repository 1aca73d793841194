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
    float *y = row_at(base, a->y, a->y_by, row, block), *winners = row_at(base, a->winner, a->winner_by, row, block);
    for (int position = 0; position < a->positions; position++)
      for (int part = 0; part < LANES; part += VL) {
        vec best = splat(-__builtin_inff()), winner = splat(0);
        for (int entry = start[position]; entry < start[position + 1]; entry++) {
          vec value = load(x + (int64_t)from[entry] * LANES + part);
          ivec better = (value > best) | (value != value);
          best = choose(better, value, best);
          winner = choose(better, splat(entry - start[position]), winner);
        }
        store(y + (int64_t)to[position] * LANES + part, best);
        store(winners + (int64_t)position * LANES + part, winner);
      }
  }
}

KERNEL(max_pool_input) {
  const int32_t *start = ints_at(base, a->start), *from = ints_at(base, a->from), *tap = ints_at(base, a->taps);
  const int32_t *to = ints_at(base, a->to);
  EACH_ROW(first) {
    int64_t row = i % a->rows, block = i / a->rows;
    float *dx = row_at(base, a->dx, a->dx_by, row, block);
    const float *dy = row_at(base, a->dy, a->dy_by, row, block),
                *winners = row_at(base, a->winner, a->winner_by, row, block);
    for (int position = 0; position < a->positions; position++)
      for (int part = 0; part < LANES; part += VL) {
        vec sum = splat(0);
        for (int entry = start[position]; entry < start[position + 1]; entry++) {
          ivec won = load(winners + (int64_t)tap[2 * entry] * LANES + part) == splat(tap[2 * entry + 1]);
          sum += choose(won, load(dy + (int64_t)from[entry] * LANES + part), splat(0));
        }
        store(dx + (int64_t)to[position] * LANES + part, sum);
      }
  }
}

/* positions: y[r][q][i] = Σ weight[k] · x[r][from[k]][i]. */
KERNEL(positions) {
  const int32_t *start = ints_at(base, a->start), *from = ints_at(base, a->from);
  const float *weight = at(base, a->weight);
  position_strides x_by = a->x_by, y_by = a->y_by;
  EACH_ROW(first) {
    int64_t row = i % a->rows, block = i / a->rows;
    const float *x = at(base, a->x) + (block * x_by.block + row * x_by.row) * LANES;
    float *y = at(base, a->y) + (block * y_by.block + row * y_by.row) * LANES;
    for (int position = 0; position < a->positions; position++)
      for (int inner = 0; inner < a->inner; inner++)
        for (int part = 0; part < LANES; part += VL) {
          vec sum = splat(0);
          for (int entry = start[position]; entry < start[position + 1]; entry++)
            sum += load(x + ((int64_t)from[entry] * x_by.position + (int64_t)inner * x_by.inner) * LANES + part) *
                   weight[entry];
          store(y + ((int64_t)position * y_by.position + (int64_t)inner * y_by.inner) * LANES + part, sum);
        }
  }
}
