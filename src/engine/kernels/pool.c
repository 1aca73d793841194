/*
 * Max-pooling, and linear maps between positions (average pooling, resizing, gathering). The compiler writes which
 * positions belong together; nothing here knows of windows.
 *
 * max_pool: y[r][q] = max over k of x[r][from[k]], k from start[q] to start[q+1]; `winner` keeps k − start[q], the first
 * of equals. max_pool_input gathers back: dx[r][p] = Σ dy[r][q] over those (q, k) reaching p whose winner is k.
 *
 * args of both: x (dx), y (dy), winner, start, from (lines); rows, positions (q; for the input: p), rows per item
 *               x row stride, x block stride, y row stride, y block stride, winner row stride, winner block stride (lines)
 *               blocks; for the input additionally `tap` (line): the k that belongs to each entry of from
 * Tables hold line offsets within a row. Item: a run of rows over all blocks, block-major.
 */
enum {
  POOL_X, POOL_Y, POOL_WINNER, POOL_START, POOL_FROM, POOL_ROWS, POOL_POSITIONS, POOL_PER, POOL_XR, POOL_XB, POOL_YR,
  POOL_YB, POOL_WR, POOL_WB, POOL_BLOCKS, POOL_TAP, POOL_TO
};

#define EACH_ROW(first)                                                                            \
  int rows = a[POOL_ROWS] * a[POOL_BLOCKS], first = item * a[POOL_PER];                            \
  int last_row = min_int(rows, first + a[POOL_PER]);                                               \
  for (int i = first; i < last_row; i++)

static void max_pool(const int32_t *a, char *base, int item, int thread) {
  (void)thread;
  const int32_t *start = ints_at(base, a[POOL_START]), *from = ints_at(base, a[POOL_FROM]), *to = ints_at(base, a[POOL_TO]);
  EACH_ROW(first) {
    int64_t row = i % a[POOL_ROWS], block = i / a[POOL_ROWS];
    const float *x = at(base, a[POOL_X]) + (block * a[POOL_XB] + row * a[POOL_XR]) * LANES;
    float *y = at(base, a[POOL_Y]) + (block * a[POOL_YB] + row * a[POOL_YR]) * LANES;
    float *w = at(base, a[POOL_WINNER]) + (block * a[POOL_WB] + row * a[POOL_WR]) * LANES;
    for (int q = 0; q < a[POOL_POSITIONS]; q++)
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

static void max_pool_input(const int32_t *a, char *base, int item, int thread) {
  (void)thread;
  const int32_t *start = ints_at(base, a[POOL_START]), *from = ints_at(base, a[POOL_FROM]), *tap = ints_at(base, a[POOL_TAP]);
  const int32_t *to = ints_at(base, a[POOL_TO]);
  EACH_ROW(first) {
    int64_t row = i % a[POOL_ROWS], block = i / a[POOL_ROWS];
    float *dx = at(base, a[POOL_X]) + (block * a[POOL_XB] + row * a[POOL_XR]) * LANES;
    const float *dy = at(base, a[POOL_Y]) + (block * a[POOL_YB] + row * a[POOL_YR]) * LANES;
    const float *w = at(base, a[POOL_WINNER]) + (block * a[POOL_WB] + row * a[POOL_WR]) * LANES;
    for (int q = 0; q < a[POOL_POSITIONS]; q++)
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

/*
 * positions: y[r][q][i] = Σ weight[k] · x[r][from[k]][i]. args: x, y, start, from, weight (lines); rows, positions,
 * inner, rows per item; strides in lines: x row, x position, x inner, x block, y row, y position, y inner, y block; blocks.
 */
static void positions(const int32_t *a, char *base, int item, int thread) {
  (void)thread;
  const int32_t *start = ints_at(base, a[2]), *from = ints_at(base, a[3]);
  const float *weight = at(base, a[4]);
  int rows = a[5] * a[17], first = item * a[8], last = min_int(rows, first + a[8]);
  for (int r = first; r < last; r++) {
    int64_t row = r % a[5], block = r / a[5];
    const float *x = at(base, a[0]) + (block * a[12] + row * a[9]) * LANES;
    float *y = at(base, a[1]) + (block * a[16] + row * a[13]) * LANES;
    for (int q = 0; q < a[6]; q++)
      for (int i = 0; i < a[7]; i++)
        for (int p = 0; p < LANES; p += VL) {
          vec sum = splat(0);
          for (int k = start[q]; k < start[q + 1]; k++)
            sum += load(x + ((int64_t)from[k] * a[10] + (int64_t)i * a[11]) * LANES + p) * weight[k];
          store(y + ((int64_t)q * a[14] + (int64_t)i * a[15]) * LANES + p, sum);
        }
  }
}
