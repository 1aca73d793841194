/*
 * map_rows: what `map` (map.c) does, for short rows of plain numbers. Its arguments are those of map. Of the inner axes only the last has
 * more than one element; so many rows of the last outer axis as fill a register's run are computed at a time, side by side without gaps.
 */
#include "math.h"

/* The axis along which neighbouring rows lie. */
#define ROW_AXIS (MAP_ROW_AXES - 1)

INLINE void rows_bring(float *RESTRICT to, const float *RESTRICT from, int rows, int columns, int64_t row_step,
                       int64_t step) {
  if (step == 0)
    for (int which = 0; which < rows; which++)
      for (int i = 0; i < columns; i++) to[which * columns + i] = from[which * row_step];
  else
    for (int which = 0; which < rows; which++)
      for (int i = 0; i < columns; i++) to[which * columns + i] = from[which * row_step + i * step];
}

KERNEL(map_rows) {
  int operands = a->operands, outputs = a->outputs, instructions = a->instructions, rows_per_item = a->rows_per_item,
      columns = a->elements;
  const int32_t *size = a->sizes;
  const map_operand *operand = map_operands(a);
  const map_output *results = map_outputs(a);
  const map_instruction *steps = map_instructions(a);
  int total = size[0] * size[1] * size[2] * size[ROW_AXIS], end = min_int(total, (item + 1) * rows_per_item);
  int most = MAP_RUN * LANES / columns;
  float store[MAP_REGISTERS][MAP_RUN * LANES] __attribute__((aligned(64)));
  const float *registers[MAP_REGISTERS];
  for (int r = 0; r < MAP_REGISTERS; r++) registers[r] = store[r];
  for (const map_instruction *step = steps; step < steps + instructions; step++)
    if (step->function == F_CONST) map_splat(store[step->to], as_float(step->a), MAP_RUN * LANES);

  for (int row = item * rows_per_item; row < end;) {
    int index[MAP_ROW_AXES];
    for (int axis = ROW_AXIS, rest = row; axis >= 0; axis--) index[axis] = rest % size[axis], rest /= size[axis];
    int rows = min_int(min_int(most, end - row), size[ROW_AXIS] - index[ROW_AXIS]), count = rows * columns;
    for (int k = 0; k < operands; k++) {
      const int32_t *strides = operand[k].strides;
      const float *from = at(base, operand[k].line) + map_offset(operand[k].offset, strides, index, MAP_ROW_AXES);
      if (strides[MAP_LAST] == 1 && strides[ROW_AXIS] == columns && count % VL == 0) registers[k] = from;
      else {
        rows_bring(store[k], from, rows, columns, strides[ROW_AXIS], strides[MAP_LAST]);
        for (int i = count; i % VL; i++) store[k][i] = 0;
        registers[k] = store[k];
      }
    }
    for (int k = 0; k < instructions; k++) {
      const map_instruction *step = steps + k;
      if (step->function != F_CONST)
        map_compute(step->function, store[step->to], registers[step->a], registers[step->b], registers[step->c], count);
    }
    for (int which = 0; which < outputs; which++) {
      const map_output *result = results + which;
      const int32_t *strides = result->strides;
      const float *RESTRICT numbers = registers[result->from];
      float *RESTRICT to = at(base, result->line) + map_offset(result->offset, strides, index, MAP_ROW_AXES);
      if (result->how == MAP_STORE) {
        if (strides[MAP_LAST] == 1 && strides[ROW_AXIS] == columns)
          for (int i = 0; i < count; i++) to[i] = numbers[i];
        else
          for (int of = 0; of < rows; of++)
            for (int i = 0; i < columns; i++)
              to[(int64_t)of * strides[ROW_AXIS] + (int64_t)i * strides[MAP_LAST]] = numbers[of * columns + i];
      } else
        for (int of = 0; of < rows; of++) {
          double sum = result->how == MAP_SUM ? 0 : -__builtin_inff();
          for (int i = 0; i < columns; i++)
            sum = result->how == MAP_SUM ? sum + numbers[of * columns + i] : map_larger(sum, numbers[of * columns + i]);
          to[(int64_t)of * strides[ROW_AXIS]] = sum;
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
