/*
 * Products of two matrices that both differ from sample to sample (attention), and table look-ups.
 *
 * matmul: c[l][m][n] = Σ_k a[l][m][k] · b[l][k][n], every lane its own product; a tile of 4 × 4 sums stays in registers.
 * args: a, b, c (lines); kinds of a and b (1: laned, 0: the same number for all samples, strides then in floats);
 *       leading, M, K, N; strides of a: leading, m, k, block; of b: leading, k, n, block; of c: leading, m, n, block; blocks
 * Item: one leading index of one block.
 */
INLINE vec matmul_load(const float *p, int64_t offset, int laned, int part) {
  return laned ? loadu(p + offset * LANES + part) : splat(p[offset]);
}

static void matmul(const int32_t *q, char *base, int item, int thread) {
  (void)thread;
  int la = q[3], lb = q[4], M = q[6], K = q[7], N = q[8];
  int64_t lead = item % q[5], block = item / q[5];
  const float *a = at(base, q[0]) + (block * q[12] + lead * q[9]) * (la ? LANES : 1);
  const float *b = at(base, q[1]) + (block * q[16] + lead * q[13]) * (lb ? LANES : 1);
  float *c = at(base, q[2]) + (block * q[20] + lead * q[17]) * LANES;
  for (int part = 0; part < LANES; part += VL)
    for (int m = 0; m < M; m += 4)
      for (int n = 0; n < N; n += 4) {
        int mm = min_int(4, M - m), nn = min_int(4, N - n);
        vec acc[4][4];
        for (int i = 0; i < 4; i++)
          for (int j = 0; j < 4; j++) acc[i][j] = splat(0);
        if (mm == 4 && nn == 4)
          for (int k = 0; k < K; k++) {
            vec x[4], y[4];
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) x[i] = matmul_load(a, (int64_t)(m + i) * q[10] + (int64_t)k * q[11], la, part);
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++) y[j] = matmul_load(b, (int64_t)k * q[14] + (int64_t)(n + j) * q[15], lb, part);
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++)
#pragma GCC unroll 4
              for (int j = 0; j < 4; j++) acc[i][j] += x[i] * y[j];
          }
        else
          for (int k = 0; k < K; k++)
            for (int i = 0; i < mm; i++)
              for (int j = 0; j < nn; j++)
                acc[i][j] += matmul_load(a, (int64_t)(m + i) * q[10] + (int64_t)k * q[11], la, part) *
                             matmul_load(b, (int64_t)k * q[14] + (int64_t)(n + j) * q[15], lb, part);
        for (int i = 0; i < mm; i++)
          for (int j = 0; j < nn; j++)
            storeu(c + ((int64_t)(m + i) * q[18] + (int64_t)(n + j) * q[19]) * LANES + part, acc[i][j]);
      }
}

/*
 * gather: y[i][d] = table[index[i]][d], the index differing from lane to lane. An index out of range reads row 0 or the last.
 * args: table, index, y (lines), rows, width, count, table strides (row, column: floats), index stride, index block
 *       stride, y strides (i, d, block: lines). Item: one index of one block.
 */
static void gather(const int32_t *q, char *base, int item, int thread) {
  (void)thread;
  int64_t i = item % q[5], block = item / q[5];
  const float *table = at(base, q[0]), *index = at(base, q[1]) + (block * q[9] + i * q[8]) * LANES;
  float *y = at(base, q[2]) + (block * q[12] + i * q[10]) * LANES;
  for (int l = 0; l < LANES; l++) {
    int row = (int)index[l];
    if (row < 0) row += q[3];
    const float *from = table + (int64_t)max_int(0, min_int(q[3] - 1, row)) * q[6];
    for (int d = 0; d < q[4]; d++) y[(int64_t)d * q[11] * LANES + l] = from[(int64_t)d * q[7]];
  }
}

/*
 * scatter_sum: the transpose, table[r][d] = Σ dy[i][d] over all indices equal to r. args: table, index, dy (lines), rows,
 * width, count, index stride, index block stride, dy strides (i, d, block), blocks, valid (line). Item: one column d.
 */
static void scatter_sum(const int32_t *q, char *base, int item, int thread) {
  (void)thread;
  float *table = at(base, q[0]);
  int valid = (int)*at(base, q[12]);
  for (int r = 0; r < q[3]; r++) table[(int64_t)r * q[4] + item] = 0;
  for (int64_t b = 0; b < q[11]; b++)
    for (int64_t i = 0; i < q[5]; i++) {
      const float *index = at(base, q[1]) + (b * q[7] + i * q[6]) * LANES;
      const float *dy = at(base, q[2]) + (b * q[10] + i * q[8] + (int64_t)item * q[9]) * LANES;
      for (int l = 0; l < LANES && b * LANES + l < valid; l++) {
        int row = (int)index[l];
        if (row < 0) row += q[3];
        if (row >= 0 && row < q[3]) table[(int64_t)row * q[4] + item] += dy[l];
      }
    }
}
