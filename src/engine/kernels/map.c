/*
 * Everything element-wise, every reduction and every strided copy: one formula, run over an iteration space of up to
 * seven axes, four outer and three inner.
 *
 * The formula is a list of instructions on registers, each register a run of MAP_RUN lines that stays in L1, so a chain
 * of operators costs one pass over memory. A result is stored, or summed (or its maximum taken) over the inner axes;
 * several results may share a pass, e.g. the two sums of a BatchNorm gradient.
 *
 * Two modes. *Laned*: the innermost axis runs over lines; operands are laned, or plain numbers repeated in all lanes.
 * *Plain*: no operand is laned; sixteen neighbours of the innermost axis share a line and the last line may be partial.
 * `block axis` is the axis that runs over blocks of sixteen samples; with it, lanes at or beyond the number of valid
 * samples are left out of sums over samples and are stored as 0.
 *
 * A formula of formulas.c, named by its number, runs in its own loop wherever all lanes count; its operands lie line after line,
 * or are one line or number along the innermost axis, and what it stores lies line after line.
 *
 * Registers: first the operands, then temporaries. Rows are the outer axes' index tuples; an item is a run of them.
 */
#include "formulas.c"

#define MAP_RUN 32
#define MAP_AXES (MAP_ROW_AXES + MAP_INNER_AXES)
#define MAP_LAST (MAP_AXES - 1)
/* The first of the inner axes. */
#define MAP_MIDDLE MAP_ROW_AXES

#define EACH(expression)            \
  for (int i = 0; i < n; i += VL) { \
    vec x = loadu(a + i);           \
    storeu(to + i, expression);     \
  }                                 \
  break
#define EACH2(expression)                   \
  for (int i = 0; i < n; i += VL) {         \
    vec x = loadu(a + i), y = loadu(b + i); \
    storeu(to + i, expression);             \
  }                                         \
  break
#define EACH3(expression)                                     \
  for (int i = 0; i < n; i += VL) {                           \
    vec x = loadu(a + i), y = loadu(b + i), z = loadu(c + i); \
    storeu(to + i, expression);                               \
  }                                                           \
  break

static void map_compute(int f, float *to, const float *a, const float *b, const float *c, int n) {
  switch (f) {
    case F_COPY: EACH(x);
    case F_NEG: EACH(-x);
    case F_ABS: EACH(vabs(x));
    case F_EXP: EACH(vexp(x));
    case F_LOG: EACH(vlog(x));
    case F_SQRT: EACH(vsqrt(x));
    case F_SIGMOID: EACH(vsigmoid(x));
    case F_TANH: EACH(vtanh(x));
    case F_ERF: EACH(verf(x));
    case F_RELU: EACH(vrelu(x));
    case F_FLOOR: EACH(vfloor(x));
    case F_CEIL: EACH(-vfloor(-x));
    case F_ROUND: EACH(vround(x));
    case F_SIGN: EACH(choose(x != x, x, ones(x > splat(0)) - ones(x < splat(0))));
    case F_SIN: EACH(vsincos(x, 0));
    case F_COS: EACH(vsincos(x, 1));
    case F_ADD: EACH2(x + y);
    case F_SUB: EACH2(x - y);
    case F_MUL: EACH2(x * y);
    case F_DIV: EACH2(x / y);
    case F_MAX: EACH2(choose((x > y) | (x != x), x, y));
    case F_MIN: EACH2(vleast(x, y));
    case F_POW: EACH2(vpow(x, y));
    case F_GREATER: EACH2(ones(x > y));
    case F_GREATER_EQUAL: EACH2(ones(x >= y));
    case F_EQUAL: EACH2(ones(x == y));
    case F_CHOOSE: EACH3(choose(x != splat(0), y, z));
    case F_FMA: EACH3(x * y + z);
    case F_GATE: EACH2(vgate(x, y));
  }
}

INLINE void map_splat(float *to, float x, int n) {
  for (int i = 0; i < n; i += VL) storeu(to + i, splat(x));
}

/* Brings `lines` lines of an operand whose innermost stride is not 1 into a register. */
static void map_bring(float *to, const float *from, int laned, int plain, int64_t stride, int lines) {
  if (laned)
    for (int i = 0; i < lines; i++)
      for (int part = 0; part < LANES; part += VL)
        storeu(to + i * LANES + part, loadu(from + i * stride * LANES + part));
  else if (!plain)
    for (int i = 0; i < lines; i++) map_splat(to + i * LANES, from[i * stride], LANES);
  else
    for (int i = 0; i < lines * LANES; i++) to[i] = from[i * stride];
}

/* The larger of two; not a number where either is none. */
INLINE double map_larger(double x, double y) { return x >= y || x != x ? x : y; }

INLINE void map_gather_sums(double *sums, const float *numbers, int lines) {
  float acc[LANES];
  for (int part = 0; part < LANES; part += VL) {
    vec sum = loadu(numbers + part);
    for (int i = 1; i < lines; i++) sum += loadu(numbers + i * LANES + part);
    storeu(acc + part, sum);
  }
  for (int lane = 0; lane < LANES; lane++) sums[lane] += acc[lane];
}

/* Where the innermost axis begins: a place's offset and its strides along the `axes` axes before, in its units. */
INLINE int64_t map_offset(int32_t offset, const int32_t *strides, const int *index, const int axes) {
  int64_t sum = offset;
  for (int axis = 0; axis < axes; axis++) sum += (int64_t)index[axis] * strides[axis];
  return sum;
}

/* Runs a formula along the innermost axis. */
static void map_formula(int formula, char *base, int operands, const map_operand *operand, const float *const *in,
                        const map_output *out, const int *index, double sums[][LANES], int lines) {
  float same[MAP_OPERANDS][LANES] __attribute__((aligned(64)));
  struct operand x[MAP_OPERANDS];
  for (int k = 0; k < MAP_OPERANDS; k++) {
    const map_operand *given = operand + (k < operands ? k : 0);
    x[k] = (struct operand){in[k < operands ? k : 0], (int64_t)given->strides[MAP_LAST] * LANES};
    if (given->plain) map_splat(same[k], *x[k].at, LANES), x[k].at = same[k];
  }
  if (out->how == MAP_STORE)
    formula_store(formula, x, at(base, out->line) + map_offset(out->offset, out->strides, index, MAP_LAST) * LANES,
                  lines);
  else formula_sum(formula, x, sums, lines);
}

KERNEL(map) {
  int operands = a->operands, outputs = a->outputs, instructions = a->instructions, rows_per_item = a->rows_per_item,
      plain = a->plain;
  int block_axis = a->block_axis, elements = a->elements, formula = a->formula;
  int valid = a->valid < 0 ? 0 : (int)*at(base, a->valid);
  const int32_t *size = a->sizes;
  const map_operand *operand = map_operands(a);
  const map_output *results = map_outputs(a);
  const map_instruction *steps = map_instructions(a);
  int64_t rows = (int64_t)size[0] * size[1] * size[2] * size[3];
  int64_t from = (int64_t)item * rows_per_item, to = from + rows_per_item < rows ? from + rows_per_item : rows;

  float store[MAP_REGISTERS][MAP_RUN * LANES] __attribute__((aligned(64)));
  /* Where a register's numbers are: its own memory, or an operand's or a result's. */
  const float *registers[MAP_REGISTERS];
  for (int r = 0; r < MAP_REGISTERS; r++) registers[r] = store[r];
  int constants = 0; /* registers that hold a constant, as bits */
  for (const map_instruction *step = steps; step < steps + instructions; step++)
    if (step->function == F_CONST)
      constants |= 1 << step->to, map_splat(store[step->to], as_float(step->a), MAP_RUN * LANES);

  for (int64_t row = from; row < to; row++) {
    int index[MAP_AXES];
    int64_t rest = row;
    for (int axis = MAP_ROW_AXES - 1; axis >= 0; axis--) index[axis] = rest % size[axis], rest /= size[axis];
    double sums[MAP_RESULTS][LANES];
    for (int q = 0; q < outputs; q++)
      for (int lane = 0; lane < LANES; lane++) sums[q][lane] = results[q].how == MAP_MAX ? -__builtin_inff() : 0;

    for (index[MAP_MIDDLE] = 0; index[MAP_MIDDLE] < size[MAP_MIDDLE]; index[MAP_MIDDLE]++)
      for (index[MAP_MIDDLE + 1] = 0; index[MAP_MIDDLE + 1] < size[MAP_MIDDLE + 1]; index[MAP_MIDDLE + 1]++) {
        int live = LANES;
        if (block_axis >= 0 && a->valid >= 0) live = max_int(0, min_int(LANES, valid - index[block_axis] * LANES));
        const float *in[MAP_REGISTERS] = {0};
        for (int k = 0; k < operands; k++) {
          const map_operand *given = operand + k;
          in[k] = at(base, given->line) +
                  map_offset(given->offset, given->strides, index, MAP_LAST) * (given->plain ? 1 : LANES);
        }
        if (formula >= 0 && live == LANES) {
          map_formula(formula, base, operands, operand, in, results, index, sums, size[MAP_LAST]);
          continue;
        }
        for (int k = 0; k < operands; k++) {
          if (operand[k].strides[MAP_LAST] == 0) {
            int lines = min_int(MAP_RUN, size[MAP_LAST]);
            if (!operand[k].plain) map_bring(store[k], in[k], 1, 0, 0, lines);
            else map_splat(store[k], *in[k], lines * LANES);
            registers[k] = store[k];
          }
        }
        for (int at_line = 0; at_line < size[MAP_LAST]; at_line += MAP_RUN) {
          int lines = min_int(MAP_RUN, size[MAP_LAST] - at_line), count = lines * LANES;
          int tail = plain ? min_int(count, elements - at_line * LANES) : count;
          for (int k = 0; k < operands; k++) {
            int laned = !operand[k].plain;
            int64_t stride = operand[k].strides[MAP_LAST], unit = laned || plain ? LANES : 1;
            if (stride == 0) continue;
            const float *source = in[k] + (int64_t)at_line * stride * unit;
            if (stride == 1 && (laned || (plain && tail == count))) registers[k] = source;
            else {
              if (plain && tail < count) {
                for (int i = 0; i < tail; i++) store[k][i] = source[i * stride];
                for (int i = tail; i < count; i++) store[k][i] = 0;
              } else map_bring(store[k], source, laned, plain, stride, lines);
              registers[k] = store[k];
            }
          }
          float *target[MAP_RESULTS];
          for (int q = 0; q < outputs; q++) {
            const map_output *result = results + q;
            int64_t stride = result->strides[MAP_LAST];
            target[q] = 0;
            if (result->how != MAP_STORE) continue;
            int64_t offset = map_offset(result->offset, result->strides, index, MAP_LAST);
            offset = plain ? offset + (int64_t)at_line * LANES * stride : (offset + at_line * stride) * LANES;
            target[q] = at(base, result->line) + offset;
            if (result->from < operands || constants >> result->from & 1) continue;
            int direct = stride == 1 && live == LANES && tail == count;
            registers[result->from] = direct ? target[q] : store[result->from];
            if (direct) target[q] = 0;
          }
          for (int k = 0; k < instructions; k++) {
            const map_instruction *step = steps + k;
            if (step->function == F_CONST) continue;
            map_compute(step->function, (float *)registers[step->to], registers[step->a], registers[step->b],
                        registers[step->c], count);
          }
          for (int q = 0; q < outputs; q++) {
            const map_output *result = results + q;
            if (result->how == MAP_STORE && !target[q]) continue;
            const float *numbers = registers[result->from];
            float masked[MAP_RUN * LANES] __attribute__((aligned(64)));
            if (live < LANES && (result->how == MAP_STORE || result->across)) {
              float none = result->how == MAP_MAX ? -__builtin_inff() : 0;
              for (int i = 0; i < count; i++) masked[i] = (i & (LANES - 1)) < live ? numbers[i] : none;
              numbers = masked;
            }
            if (result->how == MAP_STORE) {
              float *destination = target[q];
              int64_t stride = result->strides[MAP_LAST];
              if (plain && (tail < count || stride != 1))
                for (int i = 0; i < tail; i++) destination[i * stride] = numbers[i];
              else
                for (int i = 0; i < lines; i++)
                  for (int part = 0; part < LANES; part += VL)
                    storeu(destination + (int64_t)i * LANES * (plain ? 1 : stride) + part,
                           loadu(numbers + i * LANES + part));
            } else if (result->how == MAP_SUM) {
              if (tail < count) {
                for (int i = 0; i < tail; i++) sums[q][i & (LANES - 1)] += numbers[i];
              } else map_gather_sums(sums[q], numbers, lines);
            } else
              for (int i = 0; i < tail; i++)
                sums[q][i & (LANES - 1)] = map_larger(sums[q][i & (LANES - 1)], numbers[i]);
          }
        }
      }

    for (int q = 0; q < outputs; q++) {
      const map_output *result = results + q;
      if (result->how == MAP_STORE) continue;
      int64_t offset = map_offset(result->offset, result->strides, index, MAP_ROW_AXES);
      if (!result->plain) {
        float *destination = at(base, result->line) + offset * LANES;
        for (int lane = 0; lane < LANES; lane++) destination[lane] = sums[q][lane];
      } else {
        double total = sums[q][0];
        for (int lane = 1; lane < LANES; lane++)
          total = result->how == MAP_SUM ? total + sums[q][lane] : map_larger(total, sums[q][lane]);
        at(base, result->line)[offset] = total;
      }
    }
  }
}
