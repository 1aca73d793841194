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
 * args: operands, outputs, instructions, rows per item, valid (line, −1: all lanes), plain, block axis (−1), elements (innermost, plain),
 *       formula (−1: none)
 *       sizes[7]
 *       operand: line, offset, kind, strides[7]                 offsets and strides in lines if laned, else in floats
 *       output:  line, offset, kind, strides[7], register, how (store, sum, max), across lanes, scale (float)
 *       instruction: function, to, a, b, c
 * Registers: first the operands, then temporaries. Rows are the outer axes' index tuples; an item is a run of them.
 */
#include "formulas.c"

enum { MAP_LANED, MAP_PLAIN };
enum { MAP_STORE, MAP_SUM, MAP_MAX };
enum {
  F_CONST, F_COPY, F_NEG, F_ABS, F_EXP, F_LOG, F_SQRT, F_SIGMOID, F_TANH, F_ERF, F_RELU, F_FLOOR, F_CEIL, F_ROUND, F_SIGN,
  F_SIN, F_COS, F_ADD, F_SUB, F_MUL, F_DIV, F_MAX, F_MIN, F_POW, F_GREATER, F_GREATER_EQUAL, F_EQUAL, F_CHOOSE, F_FMA, F_GATE
};

#define MAP_RUN 32
#define MAP_REGISTERS 24
#define MAP_AXES 7
#define MAP_HEAD 16
#define MAP_OPERAND 10
#define MAP_OUTPUT 14

#define EACH(expression)                      \
  for (int i = 0; i < n; i += VL) {           \
    vec x = loadu(a + i);                     \
    storeu(to + i, expression);               \
  }                                           \
  break
#define EACH2(expression)                     \
  for (int i = 0; i < n; i += VL) {           \
    vec x = loadu(a + i), y = loadu(b + i);   \
    storeu(to + i, expression);               \
  }                                           \
  break
#define EACH3(expression)                                         \
  for (int i = 0; i < n; i += VL) {                               \
    vec x = loadu(a + i), y = loadu(b + i), z = loadu(c + i);     \
    storeu(to + i, expression);                                   \
  }                                                               \
  break

static void map_instruction(int f, float *to, const float *a, const float *b, const float *c, int n) {
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
static void map_bring(float *to, const float *from, int kind, int plain, int64_t stride, int lines) {
  if (kind == MAP_LANED)
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

/* Where the innermost axis begins: a place's offset and its strides along the other axes, in its units. */
INLINE int64_t map_offset(const int32_t *place, const int *index) {
  int64_t offset = place[0];
  for (int x = 0; x < MAP_AXES - 1; x++) offset += (int64_t)index[x] * place[2 + x];
  return offset;
}

/* Runs a formula along the innermost axis. */
static void map_formula(int formula, char *base, int operands, const int32_t *operand, const float *const *in,
                        const int32_t *out, const int *index, double sums[][LANES], int lines) {
  float same[FORMULA_OPERANDS][LANES] __attribute__((aligned(64)));
  struct operand x[FORMULA_OPERANDS];
  for (int k = 0; k < FORMULA_OPERANDS; k++) {
    const int32_t *d = operand + (k < operands ? k : 0) * MAP_OPERAND;
    x[k] = (struct operand){in[k < operands ? k : 0], (int64_t)d[9] * LANES};
    if (d[2] != MAP_LANED) map_splat(same[k], *x[k].at, LANES), x[k].at = same[k];
  }
  if (out[11] == MAP_STORE) formula_store(formula, x, at(base, out[0]) + map_offset(out + 1, index) * LANES, lines);
  else formula_sum(formula, x, sums, lines);
}

static void map(const int32_t *a, char *base, int item, int thread) {
  (void)thread;
  int operands = a[0], outputs = a[1], instructions = a[2], per = a[3], plain = a[5], block_axis = a[6], elements = a[7], formula = a[8];
  int valid = a[4] < 0 ? 0 : (int)*at(base, a[4]);
  const int32_t *size = a + 9, *operand = a + MAP_HEAD, *out = operand + operands * MAP_OPERAND;
  const int32_t *code = out + outputs * MAP_OUTPUT;
  int64_t rows = (int64_t)size[0] * size[1] * size[2] * size[3];
  int64_t from = (int64_t)item * per, to = from + per < rows ? from + per : rows;

  float store[MAP_REGISTERS][MAP_RUN * LANES] __attribute__((aligned(64)));
  const float *reg[MAP_REGISTERS]; /* where a register's numbers are: its own memory, or an operand's or a result's */
  for (int r = 0; r < MAP_REGISTERS; r++) reg[r] = store[r];
  int constants = 0; /* registers that hold a constant, as bits */
  for (int k = 0; k < instructions; k++)
    if (code[5 * k] == F_CONST) constants |= 1 << code[5 * k + 1], map_splat(store[code[5 * k + 1]], as_float(code[5 * k + 2]), MAP_RUN * LANES);

  for (int64_t row = from; row < to; row++) {
    int index[MAP_AXES];
    int64_t rest = row;
    for (int d = 3; d >= 0; d--) index[d] = rest % size[d], rest /= size[d];
    double sums[4][LANES];
    for (int q = 0; q < outputs; q++)
      for (int l = 0; l < LANES; l++) sums[q][l] = out[q * MAP_OUTPUT + 11] == MAP_MAX ? -__builtin_inff() : 0;

    for (index[4] = 0; index[4] < size[4]; index[4]++)
      for (index[5] = 0; index[5] < size[5]; index[5]++) {
        int live = LANES;
        if (block_axis >= 0 && a[4] >= 0) live = max_int(0, min_int(LANES, valid - index[block_axis] * LANES));
        const float *in[MAP_REGISTERS] = {0};
        for (int k = 0; k < operands; k++) {
          const int32_t *d = operand + k * MAP_OPERAND;
          in[k] = at(base, d[0]) + map_offset(d + 1, index) * (d[2] == MAP_LANED ? LANES : 1);
        }
        if (formula >= 0 && live == LANES) {
          map_formula(formula, base, operands, operand, in, out, index, sums, size[6]);
          continue;
        }
        for (int k = 0; k < operands; k++) {
          const int32_t *d = operand + k * MAP_OPERAND, *s = d + 3;
          if (s[6] == 0) {
            int lines = min_int(MAP_RUN, size[6]);
            if (d[2] == MAP_LANED) map_bring(store[k], in[k], MAP_LANED, 0, 0, lines);
            else map_splat(store[k], *in[k], lines * LANES);
            reg[k] = store[k];
          }
        }
        for (int at_line = 0; at_line < size[6]; at_line += MAP_RUN) {
          int lines = min_int(MAP_RUN, size[6] - at_line), n = lines * LANES;
          int tail = plain ? min_int(n, elements - at_line * LANES) : n;
          for (int k = 0; k < operands; k++) {
            const int32_t *d = operand + k * MAP_OPERAND;
            int64_t s = d[9], unit = d[2] == MAP_LANED || plain ? LANES : 1;
            if (s == 0) continue;
            const float *p = in[k] + (int64_t)at_line * s * unit;
            if (s == 1 && (d[2] == MAP_LANED || (plain && tail == n))) reg[k] = p;
            else {
              if (plain && tail < n) {
                for (int i = 0; i < tail; i++) store[k][i] = p[i * s];
                for (int i = tail; i < n; i++) store[k][i] = 0;
              } else map_bring(store[k], p, d[2], plain, s, lines);
              reg[k] = store[k];
            }
          }
          float *target[4];
          for (int q = 0; q < outputs; q++) {
            const int32_t *o = out + q * MAP_OUTPUT;
            target[q] = 0;
            if (o[11] != MAP_STORE) continue;
            int64_t offset = map_offset(o + 1, index);
            offset = plain ? offset + (int64_t)at_line * LANES * o[9] : (offset + (int64_t)at_line * o[9]) * LANES;
            target[q] = at(base, o[0]) + offset;
            if (o[10] < operands || constants >> o[10] & 1) continue;
            int direct = o[9] == 1 && live == LANES && tail == n;
            reg[o[10]] = direct ? target[q] : store[o[10]];
            if (direct) target[q] = 0;
          }
          for (int k = 0; k < instructions; k++) {
            const int32_t *c = code + 5 * k;
            if (c[0] == F_CONST) continue;
            map_instruction(c[0], (float *)reg[c[1]], reg[c[2]], reg[c[3]], reg[c[4]], n);
          }
          for (int q = 0; q < outputs; q++) {
            const int32_t *o = out + q * MAP_OUTPUT;
            if (o[11] == MAP_STORE && !target[q]) continue;
            const float *r = reg[o[10]];
            float masked[MAP_RUN * LANES] __attribute__((aligned(64)));
            if (live < LANES && (o[11] == MAP_STORE || o[12])) {
              float none = o[11] == MAP_MAX ? -__builtin_inff() : 0;
              for (int i = 0; i < n; i++) masked[i] = (i & (LANES - 1)) < live ? r[i] : none;
              r = masked;
            }
            if (o[11] == MAP_STORE) {
              float *t = target[q];
              if (plain && (tail < n || o[9] != 1))
                for (int i = 0; i < tail; i++) t[i * (int64_t)o[9]] = r[i];
              else
                for (int i = 0; i < lines; i++)
                  for (int p = 0; p < LANES; p += VL)
                    storeu(t + (int64_t)i * LANES * (plain ? 1 : o[9]) + p, loadu(r + i * LANES + p));
            } else if (o[11] == MAP_SUM) {
              if (tail < n) {
                for (int i = 0; i < tail; i++) sums[q][i & (LANES - 1)] += r[i];
              } else map_gather_sums(sums[q], r, lines);
            } else
              for (int i = 0; i < tail; i++)
                sums[q][i & (LANES - 1)] = map_larger(sums[q][i & (LANES - 1)], r[i]);
          }
        }
      }

    for (int q = 0; q < outputs; q++) {
      const int32_t *o = out + q * MAP_OUTPUT;
      if (o[11] == MAP_STORE) continue;
      float scale = as_float(o[13]);
      int64_t offset = o[1];
      for (int x = 0; x < 4; x++) offset += (int64_t)index[x] * o[3 + x];
      if (o[2] == MAP_LANED) {
        float *t = at(base, o[0]) + offset * LANES;
        for (int l = 0; l < LANES; l++) t[l] = sums[q][l] * scale;
      } else {
        double total = sums[q][0];
        for (int l = 1; l < LANES; l++)
          total = o[11] == MAP_SUM ? total + sums[q][l] : map_larger(total, sums[q][l]);
        at(base, o[0])[offset] = total * scale;
      }
    }
  }
}
