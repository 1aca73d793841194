/*
 * What the machine could do: multiply-adds of the widest registers there are, and reading and writing main memory, each on
 * T threads at once. Prints JSON. cc -O3 -march=native -pthread limits.c; kernels.mjs does it.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "../src/engine/kernels/base.h"

#define CHAINS (VL == 16 ? 24 : 12)
#define ROUNDS 20000000L
#define BYTES (256L << 20)
#define PASSES 4
#define TURNS 5

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static void *multiply(void *to) {
  vec acc[CHAINS], x = splat(0.5f), y = splat(0.25f);
  for (int i = 0; i < CHAINS; i++) acc[i] = splat(i);
  PIN(x);
  PIN(y);
  for (long r = 0; r < ROUNDS / CHAINS; r++)
#pragma GCC unroll 24
    for (int i = 0; i < CHAINS; i++) acc[i] = acc[i] * x + y;
  vec sum = splat(0);
  for (int i = 0; i < CHAINS; i++) sum += acc[i];
  *(float *)to = lane_sum(sum);
  return 0;
}

/* As element-wise passes do: one number read, one written. */
static void *copy(void *memory) {
  float *from = memory, *to = from + BYTES / 8;
  for (int p = 0; p < PASSES; p++)
    for (long i = 0; i < BYTES / 8; i += VL) store(to + i, load(from + i) * 0.5f);
  return 0;
}

static double best(void *(*work)(void *), void **memory, int threads) {
  double least = 1e9;
  for (int turn = 0; turn < TURNS; turn++) {
    pthread_t other[64];
    double start = now();
    for (int t = 1; t < threads; t++) pthread_create(&other[t], 0, work, memory[t]);
    work(memory[0]);
    for (int t = 1; t < threads; t++) pthread_join(other[t], 0);
    double took = now() - start;
    if (took < least) least = took;
  }
  return least;
}

int main(int count, char **words) {
  int threads = count > 1 ? atoi(words[1]) : 1;
  void *memory[64];
  if (threads < 1 || threads > 64) return 2;
  for (int t = 0; t < threads; t++) memset(memory[t] = aligned_alloc(64, BYTES), 0, BYTES);
  double flops = 2.0 * VL * (ROUNDS / CHAINS * CHAINS) * threads / best(multiply, memory, threads);
  double bytes = (double)BYTES * PASSES * threads / best(copy, memory, threads);
  printf("{\"gflops\": %.1f, \"gbytes\": %.2f}\n", flops / 1e9, bytes / 1e9);
  return 0;
}
