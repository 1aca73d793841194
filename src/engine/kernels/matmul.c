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
  int a_laned = a->a_laned, b_laned = a->b_laned, rows = a->rows, inner = a->inner, columns = a->columns;
  matrix_strides a_by = a->a_by, b_by = a->b_by, c_by = a->c_by;
  int64_t leading = item % a->leading, block = item / a->leading;
  const float *left = at(base, a->a) + (block * a_by.block + leading * a_by.leading) * (a_laned ? LANES : 1);
  const float *right = at(base, a->b) + (block * b_by.block + leading * b_by.leading) * (b_laned ? LANES : 1);
  float *c = at(base, a->c) + (block * c_by.block + leading * c_by.leading) * LANES;
  for (int part = 0; part < LANES; part += VL)
    for (int row = 0; row < rows; row += 4)
      for (int column = 0; column < columns; column += 4) {
        int rows_here = min_int(4, rows - row), columns_here = min_int(4, columns - column);
        vec sums[4][4];
        for (int i = 0; i < 4; i++)
          for (int j = 0; j < 4; j++) sums[i][j] = splat(0);
        if (rows_here == 4 && columns_here == 4)
          for (int k = 0; k < inner; k++) {
            vec left_column[4], right_row[4];
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++)
              left_column[i] =
                  matmul_load(left, (int64_t)(row + i) * a_by.row + (int64_t)k * a_by.column, a_laned, part);
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++)
              right_row[j] =
                  matmul_load(right, (int64_t)k * b_by.row + (int64_t)(column + j) * b_by.column, b_laned, part);
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++)
#pragma GCC unroll 4
              for (int j = 0; j < 4; j++) sums[i][j] += left_column[i] * right_row[j];
          }
        else
          for (int k = 0; k < inner; k++)
            for (int i = 0; i < rows_here; i++)
              for (int j = 0; j < columns_here; j++)
                sums[i][j] +=
                    matmul_load(left, (int64_t)(row + i) * a_by.row + (int64_t)k * a_by.column, a_laned, part) *
                    matmul_load(right, (int64_t)k * b_by.row + (int64_t)(column + j) * b_by.column, b_laned, part);
        for (int i = 0; i < rows_here; i++)
          for (int j = 0; j < columns_here; j++)
            storeu(c + ((int64_t)(row + i) * c_by.row + (int64_t)(column + j) * c_by.column) * LANES + part,
                   sums[i][j]);
      }
}

/*
 * gather: y[i][d] = table[index[i]][d], the index differing from lane to lane. An index out of range reads row 0 or the last.
 * Item: one index of one block.
 */
KERNEL(gather) {
  int64_t which = item % a->count, block = item / a->count;
  const float *table = at(base, a->table),
              *index = at(base, a->index) + (block * a->index_block + which * a->index_step) * LANES;
  float *y = at(base, a->y) + (block * a->y_block + which * a->y_step) * LANES;
  for (int lane = 0; lane < LANES; lane++) {
    int row = index_of(index[lane]);
    if (row < 0) row += a->rows;
    const float *from = table + (int64_t)max_int(0, min_int(a->rows - 1, row)) * a->table_row;
    for (int column = 0; column < a->width; column++)
      y[(int64_t)column * a->y_column * LANES + lane] = from[(int64_t)column * a->table_column];
  }
}

/*
 * scatter_sum: the transpose, table[r][d] = Σ dy[i][d] over all indices equal to r. Item: one column d.
 */
KERNEL(scatter_sum) {
  float *table = at(base, a->table);
  int valid = (int)*at(base, a->valid);
  for (int each = 0; each < a->rows; each++) table[(int64_t)each * a->width + item] = 0;
  for (int64_t block = 0; block < a->blocks; block++)
    for (int64_t which = 0; which < a->count; which++) {
      const float *index = at(base, a->index) + (block * a->index_block + which * a->index_step) * LANES;
      const float *dy =
          at(base, a->dy) + (block * a->dy_block + which * a->dy_step + (int64_t)item * a->dy_column) * LANES;
      for (int lane = 0; lane < LANES && block * LANES + lane < valid; lane++) {
        int row = index_of(index[lane]);
        if (row < 0) row += a->rows;
        if (row >= 0 && row < a->rows) table[(int64_t)row * a->width + item] += dy[lane];
      }
    }
}
