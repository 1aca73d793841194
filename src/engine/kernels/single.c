/*
 * What inference of one sample needs besides planes: strided copies and products of matrices, lanes along the innermost axis.
 *
 * copy: y = x over six axes. An item is `per` tuples of the outer four; where both have stride 1 along the last axis, runs are copied; where x
 * has it along the last but one, blocks are turned; all else goes one by one.
 * args: x, y (lines), offsets of x, y (floats), tuples per item, sizes[6], x strides[6], y strides[6]
 */
#include "base.h"

enum { CP_X, CP_Y, CP_X_OFFSET, CP_Y_OFFSET, CP_PER, CP_SIZES, CP_XS = CP_SIZES + 6, CP_YS = CP_XS + 6 };
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

static void copy(const int32_t *a, char *base, int item, int thread) {
  (void)thread;
  const int32_t *size = a + CP_SIZES, *xs = a + CP_XS, *ys = a + CP_YS;
  const float *x0 = at(base, a[CP_X]) + a[CP_X_OFFSET];
  float *y0 = at(base, a[CP_Y]) + a[CP_Y_OFFSET];
  int total = size[0] * size[1] * size[2] * size[3], rows = size[4], n = size[5];
  int end = min_int(total, (item + 1) * a[CP_PER]);
  for (int tuple = item * a[CP_PER]; tuple < end; tuple++) {
    int64_t from = 0, to = 0;
    for (int d = 3, rest = tuple; d >= 0; d--) {
      int index = rest % size[d];
      rest /= size[d];
      from += (int64_t)index * xs[d];
      to += (int64_t)index * ys[d];
    }
    const float *RESTRICT x = x0 + from;
    float *RESTRICT y = y0 + to;
    if (xs[5] == 1 && ys[5] == 1)
      for (int i = 0; i < rows; i++) copy_run(x + (int64_t)i * xs[4], y + (int64_t)i * ys[4], n);
    else if (xs[4] == 1 && ys[5] == 1 && rows > 1)
      copy_turned(x, y, rows, n, xs[5], ys[4]);
    else
      for (int i = 0; i < rows; i++)
        for (int j = 0; j < n; j++) y[(int64_t)i * ys[4] + (int64_t)j * ys[5]] = x[(int64_t)i * xs[4] + (int64_t)j * xs[5]];
  }
}

/*
 * product: c[l][m][n] = Σ_k a[l][m][k] · b[l][k][n] + bias[n]. Columns of b and c are neighbours; rows of b have room for whole registers.
 * An item is a leading index and PR_COLUMNS registers of columns.
 * args: a, b, c, bias (lines; bias −1: none), offsets of a, b (floats), column blocks, M, K, N, strides of a: l, m, k; of b: l, k; of c: l, m
 */
enum { PR_A, PR_B, PR_C, PR_BIAS, PR_A_OFFSET, PR_B_OFFSET, PR_BLOCKS, PR_M, PR_K, PR_N, PR_AL, PR_AM, PR_AK, PR_BL, PR_BK, PR_CL, PR_CM };
#if VL == 16
#define PR_ROWS 6
#else
#define PR_ROWS 4
#endif
#define PR_COLUMNS 2

INLINE void product_tile(const int32_t *q, const float *a, const float *b, float *c, const float *bias, int columns, const int R,
                         const int V) {
  vec acc[PR_ROWS * PR_COLUMNS];
  int64_t am = q[PR_AM], ak = q[PR_AK], bk = q[PR_BK], cm = q[PR_CM];
#pragma GCC unroll 12
  for (int i = 0; i < R * V; i++) acc[i] = splat(0);
  for (int k = 0; k < q[PR_K]; k++) {
    vec in[PR_COLUMNS];
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) {
      in[v] = *(const vecu *)(b + k * bk + v * VL);
      PIN(in[v]);
    }
#pragma GCC unroll 6
    for (int r = 0; r < R; r++)
#pragma GCC unroll 2
      for (int v = 0; v < V; v++) acc[r * V + v] += in[v] * a[r * am + k * ak];
  }
#pragma GCC unroll 6
  for (int r = 0; r < R; r++)
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) {
      vec sum = acc[r * V + v];
      if (bias) sum += *(const vecu *)(bias + v * VL);
      float *to = c + r * cm + v * VL;
      if ((v + 1) * VL <= columns) *(vecu *)to = sum;
      else
        for (int j = 0; j < columns - v * VL; j++) to[j] = sum[j];
    }
}

static void product(const int32_t *q, char *base, int item, int thread) {
  (void)thread;
  int blocks = q[PR_BLOCKS], first = item % blocks * PR_COLUMNS * VL, columns = min_int(PR_COLUMNS * VL, q[PR_N] - first);
  int64_t lead = item / blocks;
  const float *a = at(base, q[PR_A]) + q[PR_A_OFFSET] + lead * q[PR_AL];
  const float *b = at(base, q[PR_B]) + q[PR_B_OFFSET] + lead * q[PR_BL] + first;
  const float *bias = q[PR_BIAS] < 0 ? 0 : at(base, q[PR_BIAS]) + first;
  float *c = at(base, q[PR_C]) + lead * q[PR_CL] + first;
  for (int m = 0; m < q[PR_M];) {
    int rows = min_int(PR_ROWS, q[PR_M] - m);
    const float *x = a + (int64_t)m * q[PR_AM];
    float *y = c + (int64_t)m * q[PR_CM];
    switch (rows * 2 + (columns > VL)) {
#define TILE(r) case 2 * r: product_tile(q, x, b, y, bias, columns, r, 1); break; case 2 * r + 1: product_tile(q, x, b, y, bias, columns, r, 2); break
      TILE(1); TILE(2); TILE(3); TILE(4);
#if VL == 16
      TILE(5); TILE(6);
#endif
#undef TILE
    }
    m += rows;
  }
}
