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

KERNEL(map_rows) {
  int operands = a->operands, outputs = a->outputs, instructions = a->instructions, per = a->rows_per_item,
      n = a->elements;
  const int32_t *size = a->sizes;
  const map_operand *operand = map_operands(a);
  const map_output *out = map_outputs(a);
  const map_instruction *code = map_instructions(a);
  int total = size[0] * size[1] * size[2] * size[3], end = min_int(total, (item + 1) * per);
  int most = MAP_RUN * LANES / n;
  float store[MAP_REGISTERS][MAP_RUN * LANES] __attribute__((aligned(64)));
  const float *reg[MAP_REGISTERS];
  for (int r = 0; r < MAP_REGISTERS; r++) reg[r] = store[r];
  for (const map_instruction *c = code; c < code + instructions; c++)
    if (c->function == F_CONST) map_splat(store[c->to], as_float(c->a), MAP_RUN * LANES);

  for (int row = item * per; row < end;) {
    int index[4];
    for (int d = 3, rest = row; d >= 0; d--) index[d] = rest % size[d], rest /= size[d];
    int rows = min_int(min_int(most, end - row), size[3] - index[3]), count = rows * n;
    for (int k = 0; k < operands; k++) {
      const int32_t *s = operand[k].strides;
      const float *from = at(base, operand[k].line) + map_offset(operand[k].offset, s, index, MAP_ROW_AXES);
      if (s[6] == 1 && s[3] == n && count % VL == 0) reg[k] = from;
      else {
        rows_bring(store[k], from, rows, n, s[3], s[6]);
        for (int i = count; i % VL; i++) store[k][i] = 0;
        reg[k] = store[k];
      }
    }
    for (int k = 0; k < instructions; k++) {
      const map_instruction *c = code + k;
      if (c->function != F_CONST) map_compute(c->function, store[c->to], reg[c->a], reg[c->b], reg[c->c], count);
    }
    for (int q = 0; q < outputs; q++) {
      const map_output *o = out + q;
      const int32_t *s = o->strides;
      const float *RESTRICT r = reg[o->from];
      float *RESTRICT to = at(base, o->line) + map_offset(o->offset, s, index, MAP_ROW_AXES);
      if (o->how == MAP_STORE) {
        if (s[6] == 1 && s[3] == n)
          for (int i = 0; i < count; i++) to[i] = r[i];
        else
          for (int j = 0; j < rows; j++)
            for (int i = 0; i < n; i++) to[(int64_t)j * s[3] + (int64_t)i * s[6]] = r[j * n + i];
      } else
        for (int j = 0; j < rows; j++) {
          double sum = o->how == MAP_SUM ? 0 : -__builtin_inff();
          for (int i = 0; i < n; i++) sum = o->how == MAP_SUM ? sum + r[j * n + i] : map_larger(sum, r[j * n + i]);
          to[(int64_t)j * s[3]] = sum;
        }
    }
    row += rows;
  }
}

/*
 * lookup: y[i][d] = table[index[i]][d]; an index out of range reads row 0 or the last. An item is LOOKUPS indices.
 */
KERNEL(lookup) {
  const float *index = at(base, a->index) + a->index_offset;
  for (int i = item * LOOKUPS; i < min_int(a->count, (item + 1) * LOOKUPS); i++) {
    int row = index_of(index[(int64_t)i * a->index_step]);
    if (row < 0) row += a->rows;
    const float *from = at(base, a->table) + (int64_t)max_int(0, min_int(a->rows - 1, row)) * a->width;
    copy_run(from, at(base, a->y) + (int64_t)i * a->width, a->width);
  }
}
