/*
 * Products of two matrices that both differ from sample to sample (attention), and table look-ups.
 *
 * matmul: c[l][m][n] = Σ_k a[l][m][k] · b[l][k][n], every lane its own product; a tile of 4 × 4 sums stays in registers.
 * A matrix that is not laned has the same number for all samples, and strides in floats. Item: one leading index of one block.
 */
INLINE vec matmul_load(const float *p, int64_t offset, int laned, int part) {
  return laned ? loadu(p + offset * LANES + part) : splat(p[offset]);
}

KERNEL(matmul) {
  int la = a->a_laned, lb = a->b_laned, M = a->rows, K = a->inner, N = a->columns;
  matrix_strides as = a->a_by, bs = a->b_by, cs = a->c_by;
  int64_t lead = item % a->leading, block = item / a->leading;
  const float *left = at(base, a->a) + (block * as.block + lead * as.leading) * (la ? LANES : 1);
  const float *right = at(base, a->b) + (block * bs.block + lead * bs.leading) * (lb ? LANES : 1);
  float *c = at(base, a->c) + (block * cs.block + lead * cs.leading) * LANES;
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
            for (int i = 0; i < 4; i++)
              x[i] = matmul_load(left, (int64_t)(m + i) * as.row + (int64_t)k * as.column, la, part);
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++)
              y[j] = matmul_load(right, (int64_t)k * bs.row + (int64_t)(n + j) * bs.column, lb, part);
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++)
#pragma GCC unroll 4
              for (int j = 0; j < 4; j++) acc[i][j] += x[i] * y[j];
          }
        else
          for (int k = 0; k < K; k++)
            for (int i = 0; i < mm; i++)
              for (int j = 0; j < nn; j++)
                acc[i][j] += matmul_load(left, (int64_t)(m + i) * as.row + (int64_t)k * as.column, la, part) *
                             matmul_load(right, (int64_t)k * bs.row + (int64_t)(n + j) * bs.column, lb, part);
        for (int i = 0; i < mm; i++)
          for (int j = 0; j < nn; j++)
            storeu(c + ((int64_t)(m + i) * cs.row + (int64_t)(n + j) * cs.column) * LANES + part, acc[i][j]);
      }
}

/*
 * gather: y[i][d] = table[index[i]][d], the index differing from lane to lane. An index out of range reads row 0 or the last.
 * Item: one index of one block.
 */
KERNEL(gather) {
  int64_t i = item % a->count, block = item / a->count;
  const float *table = at(base, a->table),
              *index = at(base, a->index) + (block * a->index_block + i * a->index_step) * LANES;
  float *y = at(base, a->y) + (block * a->y_block + i * a->y_step) * LANES;
  for (int l = 0; l < LANES; l++) {
    int row = index_of(index[l]);
    if (row < 0) row += a->rows;
    const float *from = table + (int64_t)max_int(0, min_int(a->rows - 1, row)) * a->table_row;
    for (int d = 0; d < a->width; d++) y[(int64_t)d * a->y_column * LANES + l] = from[(int64_t)d * a->table_column];
  }
}

/*
 * scatter_sum: the transpose, table[r][d] = Σ dy[i][d] over all indices equal to r. Item: one column d.
 */
KERNEL(scatter_sum) {
  float *table = at(base, a->table);
  int valid = (int)*at(base, a->valid);
  for (int r = 0; r < a->rows; r++) table[(int64_t)r * a->width + item] = 0;
  for (int64_t b = 0; b < a->blocks; b++)
    for (int64_t i = 0; i < a->count; i++) {
      const float *index = at(base, a->index) + (b * a->index_block + i * a->index_step) * LANES;
      const float *dy = at(base, a->dy) + (b * a->dy_block + i * a->dy_step + (int64_t)item * a->dy_column) * LANES;
      for (int l = 0; l < LANES && b * LANES + l < valid; l++) {
        int row = index_of(index[l]);
        if (row < 0) row += a->rows;
        if (row >= 0 && row < a->rows) table[(int64_t)row * a->width + item] += dy[l];
      }
    }
}
