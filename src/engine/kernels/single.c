/*
 * What inference of one sample needs besides planes: strided copies and products of matrices, lanes along the innermost axis.
 *
 * copy: y = x over six axes. An item is a run of tuples of the outer four; where both have stride 1 along the last axis, runs are copied; where x
 * has it along the last but one, blocks are turned; all else goes one by one.
 */
#include "base.h"

#define TURN 16

/* y[i·ys + j] = x[i + j·xs] */
static void copy_turned(const float *RESTRICT x, float *RESTRICT y, int rows, int columns, int64_t x_step,
                        int64_t y_step) {
  for (int first_row = 0; first_row < rows; first_row += TURN)
    for (int first_column = 0; first_column < columns; first_column += TURN) {
      int rows_here = min_int(TURN, rows - first_row), columns_here = min_int(TURN, columns - first_column);
      const float *from = x + first_row + first_column * x_step;
      float *to = y + first_row * y_step + first_column;
      if (rows_here == TURN && columns_here == TURN) {
        float block[TURN][TURN] __attribute__((aligned(64)));
        for (int j = 0; j < TURN; j++)
          for (int p = 0; p < TURN; p += VL) store(&block[j][p], *(const vecu *)(from + j * x_step + p));
        for (int i = 0; i < TURN; i++)
          for (int j = 0; j < TURN; j++) to[i * y_step + j] = block[j][i];
      } else
        for (int i = 0; i < rows_here; i++)
          for (int j = 0; j < columns_here; j++) to[i * y_step + j] = from[i + j * x_step];
    }
}

INLINE void copy_run(const float *RESTRICT x, float *RESTRICT y, int count) {
  int i = 0;
  for (; i + VL <= count; i += VL) *(vecu *)(y + i) = *(const vecu *)(x + i);
  for (; i < count; i++) y[i] = x[i];
}

KERNEL(copy) {
  const int32_t *size = a->sizes, *x_by = a->x_strides, *y_by = a->y_strides;
  const float *source = at(base, a->x) + a->x_offset;
  float *target = at(base, a->y) + a->y_offset;
  int total = size[0] * size[1] * size[2] * size[3], rows = size[4], columns = size[5];
  int end = min_int(total, (item + 1) * a->rows_per_item);
  for (int tuple = item * a->rows_per_item; tuple < end; tuple++) {
    int64_t from = 0, to = 0;
    for (int axis = COPY_ROW_AXES - 1, rest = tuple; axis >= 0; axis--) {
      int index = rest % size[axis];
      rest /= size[axis];
      from += (int64_t)index * x_by[axis];
      to += (int64_t)index * y_by[axis];
    }
    const float *RESTRICT x = source + from;
    float *RESTRICT y = target + to;
    if (x_by[5] == 1 && y_by[5] == 1)
      for (int i = 0; i < rows; i++) copy_run(x + (int64_t)i * x_by[4], y + (int64_t)i * y_by[4], columns);
    else if (x_by[4] == 1 && y_by[5] == 1 && rows > 1) copy_turned(x, y, rows, columns, x_by[5], y_by[4]);
    else
      for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++)
          y[(int64_t)i * y_by[4] + (int64_t)j * y_by[5]] = x[(int64_t)i * x_by[4] + (int64_t)j * x_by[5]];
  }
}

/*
 * product: c[l][m][n] = Σ_k a[l][m][k] · b[l][k][n]. Columns of b are neighbours, and its rows have room for whole registers.
 * An item is a leading index and PRODUCT_COLUMNS registers of columns.
 */
#if VL == 16
#define PR_ROWS 6
#else
#define PR_ROWS 4
#endif

INLINE void product_tile(const product_arguments *a, const float *left, const float *right, float *to_rows, int columns,
                         const int ROWS, const int REGISTERS) {
  vec sums[PR_ROWS * PRODUCT_COLUMNS];
  int64_t left_row = a->a_row, left_column = a->a_inner, right_row = a->b_row, row_step = a->columns;
#pragma GCC unroll 12
  for (int i = 0; i < ROWS * REGISTERS; i++) sums[i] = splat(0);
  for (int k = 0, inner = a->inner; k < inner; k++) {
    vec registers[PRODUCT_COLUMNS];
#pragma GCC unroll 2
    for (int v = 0; v < REGISTERS; v++) {
      registers[v] = *(const vecu *)(right + k * right_row + v * VL);
      PIN(registers[v]);
    }
#pragma GCC unroll 6
    for (int row = 0; row < ROWS; row++)
#pragma GCC unroll 2
      for (int v = 0; v < REGISTERS; v++)
        sums[row * REGISTERS + v] += registers[v] * left[row * left_row + k * left_column];
  }
#pragma GCC unroll 6
  for (int row = 0; row < ROWS; row++)
#pragma GCC unroll 2
    for (int v = 0; v < REGISTERS; v++) {
      vec whole = sums[row * REGISTERS + v];
      float *to = to_rows + row * row_step + v * VL;
      if ((v + 1) * VL <= columns) *(vecu *)to = whole;
      else
        for (int j = 0; j < columns - v * VL; j++) to[j] = whole[j];
    }
}

KERNEL(product) {
  const int columns_at_once = PRODUCT_COLUMNS * VL;
  int blocks = ceil_div(a->columns, columns_at_once), first = item % blocks * columns_at_once,
      columns = min_int(columns_at_once, a->columns - first);
  int64_t leading = item / blocks;
  const float *right = at(base, a->b) + a->b_offset + leading * a->b_leading + first;
  for (int row = 0; row < a->rows;) {
    int rows = min_int(PR_ROWS, a->rows - row);
    const float *left = at(base, a->a) + a->a_offset + leading * a->a_leading + (int64_t)row * a->a_row;
    float *to = at(base, a->c) + (leading * a->rows + row) * a->columns + first;
    switch (rows * 2 + (columns > VL)) {
#define TILE(r)                                                       \
  case 2 * r: product_tile(a, left, right, to, columns, r, 1); break; \
  case 2 * r + 1: product_tile(a, left, right, to, columns, r, 2); break
      TILE(1);
      TILE(2);
      TILE(3);
      TILE(4);
#if VL == 16
      TILE(5);
      TILE(6);
#endif
#undef TILE
    }
    row += rows;
  }
}
