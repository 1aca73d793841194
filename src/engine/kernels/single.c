/*
 * What inference of one sample needs besides planes: strided copies and products of matrices, lanes along the innermost axis.
 *
 * copy: y = x over six axes. An item is a run of tuples of the outer four; where both have stride 1 along the last axis, runs are copied; where x
 * has it along the last but one, blocks are turned; all else goes one by one.
 */
#include "base.h"

#define TURN 16

/* y[i·ys + j] = x[i + j·xs] */
static void copy_turned(const float *RESTRICT x, float *RESTRICT y, int rows, int columns, int64_t xs, int64_t ys) {
  for (int i0 = 0; i0 < rows; i0 += TURN)
    for (int j0 = 0; j0 < columns; j0 += TURN) {
      int mi = min_int(TURN, rows - i0), mj = min_int(TURN, columns - j0);
      const float *from = x + i0 + j0 * xs;
      float *to = y + i0 * ys + j0;
      if (mi == TURN && mj == TURN) {
        float block[TURN][TURN] __attribute__((aligned(64)));
        for (int j = 0; j < TURN; j++)
          for (int p = 0; p < TURN; p += VL) store(&block[j][p], *(const vecu *)(from + j * xs + p));
        for (int i = 0; i < TURN; i++)
          for (int j = 0; j < TURN; j++) to[i * ys + j] = block[j][i];
      } else
        for (int i = 0; i < mi; i++)
          for (int j = 0; j < mj; j++) to[i * ys + j] = from[i + j * xs];
    }
}

INLINE void copy_run(const float *RESTRICT x, float *RESTRICT y, int n) {
  int i = 0;
  for (; i + VL <= n; i += VL) *(vecu *)(y + i) = *(const vecu *)(x + i);
  for (; i < n; i++) y[i] = x[i];
}

KERNEL(copy) {
  const int32_t *size = a->sizes, *xs = a->x_strides, *ys = a->y_strides;
  const float *x0 = at(base, a->x) + a->x_offset;
  float *y0 = at(base, a->y) + a->y_offset;
  int total = size[0] * size[1] * size[2] * size[3], rows = size[4], n = size[5];
  int end = min_int(total, (item + 1) * a->rows_per_item);
  for (int tuple = item * a->rows_per_item; tuple < end; tuple++) {
    int64_t from = 0, to = 0;
    for (int d = COPY_ROW_AXES - 1, rest = tuple; d >= 0; d--) {
      int index = rest % size[d];
      rest /= size[d];
      from += (int64_t)index * xs[d];
      to += (int64_t)index * ys[d];
    }
    const float *RESTRICT x = x0 + from;
    float *RESTRICT y = y0 + to;
    if (xs[5] == 1 && ys[5] == 1)
      for (int i = 0; i < rows; i++) copy_run(x + (int64_t)i * xs[4], y + (int64_t)i * ys[4], n);
    else if (xs[4] == 1 && ys[5] == 1 && rows > 1) copy_turned(x, y, rows, n, xs[5], ys[4]);
    else
      for (int i = 0; i < rows; i++)
        for (int j = 0; j < n; j++)
          y[(int64_t)i * ys[4] + (int64_t)j * ys[5]] = x[(int64_t)i * xs[4] + (int64_t)j * xs[5]];
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

INLINE void product_tile(const product_arguments *a, const float *x, const float *w, float *y, int columns, const int R,
                         const int V) {
  vec acc[PR_ROWS * PRODUCT_COLUMNS];
  int64_t am = a->a_row, ak = a->a_inner, bk = a->b_row, cm = a->columns;
#pragma GCC unroll 12
  for (int i = 0; i < R * V; i++) acc[i] = splat(0);
  for (int k = 0, inner = a->inner; k < inner; k++) {
    vec in[PRODUCT_COLUMNS];
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) {
      in[v] = *(const vecu *)(w + k * bk + v * VL);
      PIN(in[v]);
    }
#pragma GCC unroll 6
    for (int r = 0; r < R; r++)
#pragma GCC unroll 2
      for (int v = 0; v < V; v++) acc[r * V + v] += in[v] * x[r * am + k * ak];
  }
#pragma GCC unroll 6
  for (int r = 0; r < R; r++)
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) {
      vec sum = acc[r * V + v];
      float *to = y + r * cm + v * VL;
      if ((v + 1) * VL <= columns) *(vecu *)to = sum;
      else
        for (int j = 0; j < columns - v * VL; j++) to[j] = sum[j];
    }
}

KERNEL(product) {
  const int wide = PRODUCT_COLUMNS * VL;
  int blocks = ceil_div(a->columns, wide), first = item % blocks * wide, columns = min_int(wide, a->columns - first);
  int64_t lead = item / blocks;
  const float *w = at(base, a->b) + a->b_offset + lead * a->b_leading + first;
  for (int m = 0; m < a->rows;) {
    int rows = min_int(PR_ROWS, a->rows - m);
    const float *x = at(base, a->a) + a->a_offset + lead * a->a_leading + (int64_t)m * a->a_row;
    float *y = at(base, a->c) + (lead * a->rows + m) * a->columns + first;
    switch (rows * 2 + (columns > VL)) {
#define TILE(r)                                               \
  case 2 * r: product_tile(a, x, w, y, columns, r, 1); break; \
  case 2 * r + 1: product_tile(a, x, w, y, columns, r, 2); break
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
    m += rows;
  }
}
