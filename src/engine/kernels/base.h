/*
 * What every kernel stands on: the lanes, the vector type of the machine, and memory addressed in lines.
 *
 * Sixteen samples side by side (LANES floats, 64 bytes) are one *line*. A kernel is the scalar algorithm lifted onto
 * those lanes. The machine's register holds VL of the 16 floats; PARTS registers make a line:
 *
 *     AVX-512  VL 16  PARTS 1      AVX2  VL 8  PARTS 2      NEON, SSE, simd128  VL 4  PARTS 4
 *
 * All vector code is written with the compiler's vector extension, so that one source serves every machine; no libc,
 * so that it also serves WebAssembly.
 */
#ifndef ESPALIER_BASE_H
#define ESPALIER_BASE_H

#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))
#if defined(__AVX512F__)
#define VL 16
#elif defined(__AVX2__) || defined(__AVX__)
#define VL 8
#else
#define VL 4
#endif
#define PARTS (LANES / VL)

/* Outputs of a register tile of conv_weight. */
#if VL == 16 || defined(__aarch64__)
#define CW_MO 8
#else
#define CW_MO 4
#endif

#ifdef ESPALIER_CHECKED
#define CHECKED 1
#else
#define CHECKED 0
#endif

#include "arguments.h"

typedef float vec __attribute__((vector_size(VL * 4)));
typedef int32_t ivec __attribute__((vector_size(VL * 4)));
/* The same for addresses that are only aligned to a float. */
typedef float vecu __attribute__((vector_size(VL * 4), aligned(4)));
typedef int32_t ivecu __attribute__((vector_size(VL * 4), aligned(4)));

#define RESTRICT __restrict__

/* The address of line `line` of the memory that starts at `base`. */
INLINE float *at(char *base, int32_t line) { return (float *)(base + (int64_t)line * 64); }
INLINE int32_t *ints_at(char *base, int32_t line) { return (int32_t *)(base + (int64_t)line * 64); }

/* What thread `thread` has of scratch memory, of which each has `lines` lines. */
INLINE float *scratch_at(char *base, int32_t line, int64_t lines, int thread) {
  return at(base, line) + thread * lines * LANES;
}

/* A float that travels in a program's int32 words. */
INLINE float as_float(int32_t word) {
  union {
    int32_t i;
    float f;
  } u = {.i = word};
  return u.f;
}

/* Keeps x in a register: without it compilers repeat a load in every instruction that uses it. */
#if defined(__AVX512F__)
#define PIN(x) __asm__("" : "+v"(x))
#elif defined(__SSE2__)
#define PIN(x) __asm__("" : "+x"(x))
#elif defined(__aarch64__)
#define PIN(x) __asm__("" : "+w"(x))
#else
#define PIN(x) ((void)0)
#endif

INLINE vec splat(float x) { return x - (vec){0}; } /* x − 0 is x, −0 too; 0 + x is not, and costs an addition */
INLINE vec load(const float *p) { return *(const vec *)p; }
INLINE void store(float *p, vec x) { *(vec *)p = x; }
/* The whole number that an index is; one out of every range where it is none. */
INLINE int index_of(float x) { return x > -2147483648.0f && x < 2147483648.0f ? (int)x : -0x7fffffff - 1; }
INLINE int min_int(int a, int b) { return a < b ? a : b; }
INLINE int max_int(int a, int b) { return a > b ? a : b; }

/* Where `mask` (all ones or all zeros per lane) is set a, else b. */
INLINE vec choose(ivec mask, vec a, vec b) { return (vec)((mask & (ivec)a) | (~mask & (ivec)b)); }
INLINE vec vmax(vec a, vec b) { return choose(a > b, a, b); }
INLINE vec vmin(vec a, vec b) { return choose(a < b, a, b); }

/* The sum of a register's lanes, in a fixed order. */
INLINE float lane_sum(vec x) {
  float total = 0;
  for (int i = 0; i < VL; i++) total += x[i];
  return total;
}

/*
 * A kernel does item `item` of a step's work. Its arguments `a` are the step's words, as contract.yaml describes them; `base`
 * is where memory starts; `thread` (0 … threads−1) chooses scratch memory and nothing that shows in a result.
 */
typedef void kernel(const void *arguments, char *base, int item, int thread);

#define KERNEL(name)                                                                    \
  INLINE void name##_item(const name##_arguments *a, char *base, int item, int thread); \
  static void name(const void *arguments, char *base, int item, int thread) {           \
    name##_item(arguments, base, item, thread);                                         \
  }                                                                                     \
  INLINE void name##_item(const name##_arguments *a, char *base, int item, int thread)

#endif
