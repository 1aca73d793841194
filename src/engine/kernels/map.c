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
      for (int p = 0; p < LANES; p += VL) storeu(to + i * LANES + p, loadu(from + i * stride * LANES + p));
  else if (!plain)
    for (int i = 0; i < lines; i++) map_splat(to + i * LANES, from[i * stride], LANES);
  else
    for (int i = 0; i < lines * LANES; i++) to[i] = from[i * stride];
}

/* The larger of two; not a number where either is none. */
INLINE double map_larger(double x, double y) { return x >= y || x != x ? x : y; }

INLINE void map_gather_sums(double *sums, const float *r, int lines) {
  float acc[LANES];
  for (int p = 0; p < LANES; p += VL) {
    vec s = loadu(r + p);
    for (int i = 1; i < lines; i++) s += loadu(r + i * LANES + p);
    storeu(acc + p, s);
  }
  for (int l = 0; l < LANES; l++) sums[l] += acc[l];
}

/* Where the innermost axis begins: a place's offset and its strides along the `axes` axes before, in its units. */
INLINE int64_t map_offset(int32_t offset, const int32_t *strides, const int *index, const int axes) {
  int64_t sum = offset;
  for (int x = 0; x < axes; x++) sum += (int64_t)index[x] * strides[x];
  return sum;
}

/* Runs a formula along the innermost axis. */
static void map_formula(int formula, char *base, int operands, const map_operand *operand, const float *const *in,
                        const map_output *out, const int *index, double sums[][LANES], int lines) {
  float same[MAP_OPERANDS][LANES] __attribute__((aligned(64)));
  struct operand x[MAP_OPERANDS];
  for (int k = 0; k < MAP_OPERANDS; k++) {
    const map_operand *d = operand + (k < operands ? k : 0);
    x[k] = (struct operand){in[k < operands ? k : 0], (int64_t)d->strides[MAP_LAST] * LANES};
    if (d->plain) map_splat(same[k], *x[k].at, LANES), x[k].at = same[k];
  }
  if (out->how == MAP_STORE)
    formula_store(formula, x, at(base, out->line) + map_offset(out->offset, out->strides, index, MAP_LAST) * LANES,
                  lines);
  else formula_sum(formula, x, sums, lines);
}

KERNEL(map) {
  int operands = a->operands, outputs = a->outputs, instructions = a->instructions, per = a->rows_per_item,
      plain = a->plain;
  int block_axis = a->block_axis, elements = a->elements, formula = a->formula;
  int valid = a->valid < 0 ? 0 : (int)*at(base, a->valid);
  const int32_t *size = a->sizes;
  const map_operand *operand = map_operands(a);
  const map_output *out = map_outputs(a);
  const map_instruction *code = map_instructions(a);
  int64_t rows = (int64_t)size[0] * size[1] * size[2] * size[3];
  int64_t from = (int64_t)item * per, to = from + per < rows ? from + per : rows;

  float store[MAP_REGISTERS][MAP_RUN * LANES] __attribute__((aligned(64)));
  const float *reg[MAP_REGISTERS]; /* where a register's numbers are: its own memory, or an operand's or a result's */
  for (int r = 0; r < MAP_REGISTERS; r++) reg[r] = store[r];
  int constants = 0; /* registers that hold a constant, as bits */
  for (const map_instruction *c = code; c < code + instructions; c++)
    if (c->function == F_CONST) constants |= 1 << c->to, map_splat(store[c->to], as_float(c->a), MAP_RUN * LANES);

  for (int64_t row = from; row < to; row++) {
    int index[MAP_AXES];
    int64_t rest = row;
    for (int d = 3; d >= 0; d--) index[d] = rest % size[d], rest /= size[d];
    double sums[MAP_RESULTS][LANES];
    for (int q = 0; q < outputs; q++)
      for (int l = 0; l < LANES; l++) sums[q][l] = out[q].how == MAP_MAX ? -__builtin_inff() : 0;

    for (index[4] = 0; index[4] < size[4]; index[4]++)
      for (index[5] = 0; index[5] < size[5]; index[5]++) {
        int live = LANES;
        if (block_axis >= 0 && a->valid >= 0) live = max_int(0, min_int(LANES, valid - index[block_axis] * LANES));
        const float *in[MAP_REGISTERS] = {0};
        for (int k = 0; k < operands; k++) {
          const map_operand *d = operand + k;
          in[k] = at(base, d->line) + map_offset(d->offset, d->strides, index, MAP_LAST) * (d->plain ? 1 : LANES);
        }
        if (formula >= 0 && live == LANES) {
          map_formula(formula, base, operands, operand, in, out, index, sums, size[6]);
          continue;
        }
        for (int k = 0; k < operands; k++) {
          if (operand[k].strides[MAP_LAST] == 0) {
            int lines = min_int(MAP_RUN, size[6]);
            if (!operand[k].plain) map_bring(store[k], in[k], 1, 0, 0, lines);
            else map_splat(store[k], *in[k], lines * LANES);
            reg[k] = store[k];
          }
        }
        for (int at_line = 0; at_line < size[6]; at_line += MAP_RUN) {
          int lines = min_int(MAP_RUN, size[6] - at_line), n = lines * LANES;
          int tail = plain ? min_int(n, elements - at_line * LANES) : n;
          for (int k = 0; k < operands; k++) {
            int laned = !operand[k].plain;
            int64_t s = operand[k].strides[MAP_LAST], unit = laned || plain ? LANES : 1;
            if (s == 0) continue;
            const float *p = in[k] + (int64_t)at_line * s * unit;
            if (s == 1 && (laned || (plain && tail == n))) reg[k] = p;
            else {
              if (plain && tail < n) {
                for (int i = 0; i < tail; i++) store[k][i] = p[i * s];
                for (int i = tail; i < n; i++) store[k][i] = 0;
              } else map_bring(store[k], p, laned, plain, s, lines);
              reg[k] = store[k];
            }
          }
          float *target[MAP_RESULTS];
          for (int q = 0; q < outputs; q++) {
            const map_output *o = out + q;
            int64_t s = o->strides[MAP_LAST];
            target[q] = 0;
            if (o->how != MAP_STORE) continue;
            int64_t offset = map_offset(o->offset, o->strides, index, MAP_LAST);
            offset = plain ? offset + (int64_t)at_line * LANES * s : (offset + at_line * s) * LANES;
            target[q] = at(base, o->line) + offset;
            if (o->from < operands || constants >> o->from & 1) continue;
            int direct = s == 1 && live == LANES && tail == n;
            reg[o->from] = direct ? target[q] : store[o->from];
            if (direct) target[q] = 0;
          }
          for (int k = 0; k < instructions; k++) {
            const map_instruction *c = code + k;
            if (c->function == F_CONST) continue;
            map_compute(c->function, (float *)reg[c->to], reg[c->a], reg[c->b], reg[c->c], n);
          }
          for (int q = 0; q < outputs; q++) {
            const map_output *o = out + q;
            if (o->how == MAP_STORE && !target[q]) continue;
            const float *r = reg[o->from];
            float masked[MAP_RUN * LANES] __attribute__((aligned(64)));
            if (live < LANES && (o->how == MAP_STORE || o->across)) {
              float none = o->how == MAP_MAX ? -__builtin_inff() : 0;
              for (int i = 0; i < n; i++) masked[i] = (i & (LANES - 1)) < live ? r[i] : none;
              r = masked;
            }
            if (o->how == MAP_STORE) {
              float *t = target[q];
              int64_t s = o->strides[MAP_LAST];
              if (plain && (tail < n || s != 1))
                for (int i = 0; i < tail; i++) t[i * s] = r[i];
              else
                for (int i = 0; i < lines; i++)
                  for (int p = 0; p < LANES; p += VL)
                    storeu(t + (int64_t)i * LANES * (plain ? 1 : s) + p, loadu(r + i * LANES + p));
            } else if (o->how == MAP_SUM) {
              if (tail < n) {
                for (int i = 0; i < tail; i++) sums[q][i & (LANES - 1)] += r[i];
              } else map_gather_sums(sums[q], r, lines);
            } else
              for (int i = 0; i < tail; i++) sums[q][i & (LANES - 1)] = map_larger(sums[q][i & (LANES - 1)], r[i]);
          }
        }
      }

    for (int q = 0; q < outputs; q++) {
      const map_output *o = out + q;
      if (o->how == MAP_STORE) continue;
      int64_t offset = map_offset(o->offset, o->strides, index, MAP_ROW_AXES);
      if (!o->plain) {
        float *t = at(base, o->line) + offset * LANES;
        for (int l = 0; l < LANES; l++) t[l] = sums[q][l];
      } else {
        double total = sums[q][0];
        for (int l = 1; l < LANES; l++) total = o->how == MAP_SUM ? total + sums[q][l] : map_larger(total, sums[q][l]);
        at(base, o->line)[offset] = total;
      }
    }
  }
}
