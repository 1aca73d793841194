/*
 * Formulas that much of training goes through, each with a loop of its own: nothing is interpreted, and values stay in registers.
 *
 * A formula is known by its text. lowering/formulas.ts writes the text of what a pass computes, in which a … h are the operands in
 * the order they are named, and looks for it in this list; what is not there is interpreted (map.c). To add a formula, add its
 * line. Stored results have the same bits either way; sums are taken in another order.
 */
#include "math.h"

#define ADD(x, y) ((x) + (y))
#define SUB(x, y) ((x) - (y))
#define MUL(x, y) ((x) * (y))
#define MIN(x, y) vleast(x, y)
#define FMA(x, y, z) ((x) * (y) + (z))
#define GREATER(x, y) ones((x) > (y))
#define RELU(x) vrelu(x)
#define GATE(x, y) vgate(x, y)
#define NUMBER(x) splat(x)

INLINE vec loadu(const float *p) { return *(const vecu *)p; }
INLINE void storeu(float *p, vec x) { *(vecu *)p = x; }
INLINE vec vrelu(vec x) { return choose((x > splat(0)) | (x != x), x, splat(0)); }
INLINE vec vgate(vec x, vec y) { return choose(y > splat(0), x, splat(0)); }
INLINE vec vleast(vec x, vec y) { return choose((x < y) | (x != x), x, y); }

#define FORWARD(STORED)                      \
  STORED(FMA(a, b, c))                       \
  STORED(RELU(FMA(a, b, c)))                 \
  STORED(MIN(RELU(FMA(a, b, c)), NUMBER(6))) \
  STORED(ADD(FMA(a, b, c), d))               \
  STORED(RELU(ADD(FMA(a, b, c), d)))         \
  STORED(ADD(a, b))                          \
  STORED(RELU(ADD(a, b)))

#define BACKWARD(STORED)                                      \
  STORED(GATE(a, b))                                          \
  STORED(GATE(ADD(a, b), c))                                  \
  STORED(FMA(a, b, FMA(c, d, e)))                             \
  STORED(FMA(ADD(a, b), c, FMA(d, e, f)))                     \
  STORED(FMA(GATE(a, FMA(b, c, d)), c, FMA(b, e, f)))         \
  STORED(FMA(GATE(ADD(a, b), FMA(c, d, e)), d, FMA(c, f, g))) \
  STORED(FMA(MUL(GATE(GREATER(NUMBER(6), FMA(a, b, c)), FMA(a, b, c)), d), b, FMA(a, e, f)))

#define SUMS(SUMMED)                                                                   \
  SUMMED(a, MUL(SUB(b, c), a))                                                         \
  SUMMED(ADD(a, b), MUL(ADD(a, b), SUB(c, d)))                                         \
  SUMMED(GATE(a, FMA(b, c, d)), MUL(GATE(a, FMA(b, c, d)), SUB(b, e)))                 \
  SUMMED(GATE(ADD(a, b), FMA(c, d, e)), MUL(GATE(ADD(a, b), FMA(c, d, e)), SUB(c, f))) \
  SUMMED(MUL(GATE(GREATER(NUMBER(6), FMA(a, b, c)), FMA(a, b, c)), d),                 \
         MUL(MUL(GATE(GREATER(NUMBER(6), FMA(a, b, c)), FMA(a, b, c)), d), SUB(a, e)))

#ifdef ESPALIER_INFERENCE
#define FORMULAS(STORED, SUMMED) FORWARD(STORED)
#else
#define FORMULAS(STORED, SUMMED) FORWARD(STORED) BACKWARD(STORED) SUMS(SUMMED)
#endif

#define STORED_NAME(expression) "\n" #expression
#define SUMMED_NAME(one, two) "\n" #one "; " #two
#define FORMULA_NAMES FORMULAS(STORED_NAME, SUMMED_NAME)

/* Lines that are summed in single precision before they are added in double precision. */
#define FORMULA_RUN 64

/* Where an operand's lines are, and the floats from one to the next: LANES, or 0 where one line serves all. */
struct operand {
  const float *at;
  int64_t step;
};

#define EACH_OPERAND(X) X(a, 0) X(b, 1) X(c, 2) X(d, 3) X(e, 4) X(f, 5) X(g, 6) X(h, 7)
#define POINTER(x, k)                  \
  const float *x##_at = x_[k].at;      \
  const int64_t x##_step = x_[k].step; \
  (void)x##_at, (void)x##_step;
#define LOAD(x, k)                                \
  const vec x = loadu(x##_at + i * x##_step + p); \
  (void)x;

/* Stores formula number `formula` of `lines` lines. */
static void formula_store(int formula, const struct operand *x_, float *to, int lines) {
  EACH_OPERAND(POINTER)
#define STORED(expression)                      \
  if (formula-- == 0)                           \
    for (int64_t i = 0; i < lines; i++)         \
      for (int p = 0; p < LANES; p += VL) {     \
        EACH_OPERAND(LOAD)                      \
        storeu(to + i * LANES + p, expression); \
      }
#define SUMMED(one, two) formula--;
  FORMULAS(STORED, SUMMED)
#undef STORED
#undef SUMMED
}

/* Adds both sums of formula number `formula` over `lines` lines to those of each lane. */
static void formula_sum(int formula, const struct operand *x_, double sums[][LANES], int lines) {
  EACH_OPERAND(POINTER)
  for (int64_t from = 0; from < lines; from += FORMULA_RUN) {
    int64_t to = from + FORMULA_RUN < lines ? from + FORMULA_RUN : lines;
    vec s[2][2][PARTS] = {{{{0}}}}; /* of even and of odd lines: two chains of additions keep the adders busy */
    int which = formula;
#define LINE(one, two, odd)             \
  for (int p = 0; p < LANES; p += VL) { \
    EACH_OPERAND(LOAD)                  \
    s[0][odd][p / VL] += one;           \
    s[1][odd][p / VL] += two;           \
  }
#define STORED(expression) which--;
#define SUMMED(one, two)          \
  if (which-- == 0) {             \
    int64_t i = from;             \
    for (; i + 1 < to; i++) {     \
      LINE(one, two, 0) i++;      \
      LINE(one, two, 1)           \
    }                             \
    if (i < to) LINE(one, two, 0) \
  }
    FORMULAS(STORED, SUMMED)
    (void)to, (void)which;
#undef STORED
#undef SUMMED
#undef LINE
    for (int q = 0; q < 2; q++)
      for (int l = 0; l < LANES; l++) sums[q][l] += s[q][0][l / VL][l % VL] + s[q][1][l / VL][l % VL];
  }
}
