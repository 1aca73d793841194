/*
 * map_rows: what `map` (map.c) does, for short rows of plain numbers. Its arguments are those of map. Of the inner axes only the last has
 * more than one element; so many rows of the last outer axis as fill a register's run are computed at a time, side by side without gaps.
 */
#include "math.h"

INLINE void rows_bring(float *RESTRICT to, const float *RESTRICT from, int rows, int n, int64_t row, int64_t each) {
  if (each == 0)
    for (int r = 0; r < rows; r++)
      for (int i = 0; i < n; i++) to[r * n + i] = from[r * row];
  else
    for (int r = 0; r < rows; r++)
      for (int i = 0; i < n; i++) to[r * n + i] = from[r * row + i * each];
}

static void map_rows(const int32_t *a, char *base, int item, int thread) {
  (void)thread;
  int operands = a[0], outputs = a[1], instructions = a[2], per = a[3], n = a[7];
  const int32_t *size = a + MAP_HEAD - MAP_AXES, *operand = a + MAP_HEAD, *out = operand + operands * MAP_OPERAND;
  const int32_t *code = out + outputs * MAP_OUTPUT;
  int total = size[0] * size[1] * size[2] * size[3], end = min_int(total, (item + 1) * per);
  int most = MAP_RUN * LANES / n;
  float store[MAP_REGISTERS][MAP_RUN * LANES] __attribute__((aligned(64)));
  const float *reg[MAP_REGISTERS];
  for (int r = 0; r < MAP_REGISTERS; r++) reg[r] = store[r];
  for (int k = 0; k < instructions; k++)
    if (code[5 * k] == F_CONST) map_splat(store[code[5 * k + 1]], as_float(code[5 * k + 2]), MAP_RUN * LANES);

  for (int row = item * per; row < end;) {
    int index[4];
    for (int d = 3, rest = row; d >= 0; d--) index[d] = rest % size[d], rest /= size[d];
    int rows = min_int(min_int(most, end - row), size[3] - index[3]), count = rows * n;
    for (int k = 0; k < operands; k++) {
      const int32_t *d = operand + k * MAP_OPERAND, *s = d + 3;
      const float *from = at(base, d[0]) + d[1];
      for (int x = 0; x < 4; x++) from += (int64_t)index[x] * s[x];
      if (s[6] == 1 && s[3] == n && count % VL == 0) reg[k] = from;
      else {
        rows_bring(store[k], from, rows, n, s[3], s[6]);
        for (int i = count; i % VL; i++) store[k][i] = 0;
        reg[k] = store[k];
      }
    }
    for (int k = 0; k < instructions; k++) {
      const int32_t *c = code + 5 * k;
      if (c[0] != F_CONST) map_instruction(c[0], store[c[1]], reg[c[2]], reg[c[3]], reg[c[4]], count);
    }
    for (int q = 0; q < outputs; q++) {
      const int32_t *o = out + q * MAP_OUTPUT, *s = o + 3;
      const float *RESTRICT r = reg[o[10]];
      float *RESTRICT to = at(base, o[0]) + o[1];
      for (int x = 0; x < 4; x++) to += (int64_t)index[x] * s[x];
      if (o[11] == MAP_STORE) {
        if (s[6] == 1 && s[3] == n)
          for (int i = 0; i < count; i++) to[i] = r[i];
        else
          for (int j = 0; j < rows; j++)
            for (int i = 0; i < n; i++) to[(int64_t)j * s[3] + (int64_t)i * s[6]] = r[j * n + i];
      } else
        for (int j = 0; j < rows; j++) {
          double sum = o[11] == MAP_SUM ? 0 : -__builtin_inff();
          for (int i = 0; i < n; i++) sum = o[11] == MAP_SUM ? sum + r[j * n + i] : map_larger(sum, r[j * n + i]);
          to[(int64_t)j * s[3]] = sum * as_float(o[13]);
        }
    }
    row += rows;
  }
}

/*
 * lookup: y[i][d] = table[index[i]][d]; an index out of range reads row 0 or the last. An item is LOOKUPS indices.
 * args: table, index, y (lines), offset of the index (floats), rows, width, count, table's floats from row to row, index stride
 */
enum { LU_TABLE, LU_INDEX, LU_Y, LU_OFFSET, LU_ROWS, LU_WIDTH, LU_COUNT, LU_PITCH, LU_STRIDE };
#define LOOKUPS 64

static void lookup(const int32_t *a, char *base, int item, int thread) {
  (void)thread;
  const float *index = at(base, a[LU_INDEX]) + a[LU_OFFSET];
  for (int i = item * LOOKUPS; i < min_int(a[LU_COUNT], (item + 1) * LOOKUPS); i++) {
    int row = (int)index[(int64_t)i * a[LU_STRIDE]];
    if (row < 0) row += a[LU_ROWS];
    const float *from = at(base, a[LU_TABLE]) + (int64_t)max_int(0, min_int(a[LU_ROWS] - 1, row)) * a[LU_PITCH];
    copy_run(from, at(base, a[LU_Y]) + (int64_t)i * a[LU_WIDTH], a[LU_WIDTH]);
  }
}
