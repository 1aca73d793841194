/*
 * Runs a program: a flat list of kernel calls over one memory.
 *
 *     program  [steps, 0, 0, 0]  step…
 *     step     [words, kernel, items, flags, taken]  argument…      (words: length of the step, these five included)
 *
 * Every thread of the team walks the same list. The items of a step are independent and handed out by the counter
 * `taken`; whoever does an item, the result is the same to the bit. A barrier follows each step unless flag 1 says
 * that the next step does not depend on it. `profile`, if given, receives per step the nanoseconds this thread spent
 * in kernels, and in its last place the nanoseconds of the whole run, so that what is missing is waiting.
 */
#include "base.h"

typedef struct {
  int32_t arrived, phase;
} team;

#if defined(__wasm__)
double espalier_now(void) __attribute__((import_module("host"), import_name("now")));
INLINE void relax(int spins, int32_t *phase, int32_t seen) {
  if (spins > 4000) __builtin_wasm_memory_atomic_wait32(phase, seen, 1000000);
}
INLINE void wake(int32_t *phase) { __builtin_wasm_memory_atomic_notify(phase, 1 << 20); }
#else
#include <sched.h>
#include <time.h>
static double espalier_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}
INLINE void relax(int spins, int32_t *phase, int32_t seen) {
  (void)phase, (void)seen;
  if (spins > 20000) sched_yield();
#if defined(__x86_64__) || defined(__i386__)
  else __builtin_ia32_pause();
#endif
}
INLINE void wake(int32_t *phase) { (void)phase; }
#endif

static void barrier(team *t, int threads) {
  int32_t seen = __atomic_load_n(&t->phase, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(&t->arrived, 1, __ATOMIC_ACQ_REL) == threads) {
    __atomic_store_n(&t->arrived, 0, __ATOMIC_RELAXED);
    __atomic_add_fetch(&t->phase, 1, __ATOMIC_ACQ_REL);
    wake(&t->phase);
    return;
  }
  for (int spins = 0; __atomic_load_n(&t->phase, __ATOMIC_ACQUIRE) == seen; spins++) relax(spins, &t->phase, seen);
}

static void run_program(char *base, int32_t *program, team *t, int thread, int threads, double *profile) {
  int32_t steps = program[0];
  double start = profile ? espalier_now() : 0;
  int32_t *step = program + 4;
  for (int32_t i = 0; i < steps; i++, step += step[0]) {
    kernel *work = kernels[step[1]];
    int32_t items = step[2];
    double begin = profile ? espalier_now() : 0;
    for (;;) {
      int32_t item = threads > 1 ? __atomic_fetch_add(&step[4], 1, __ATOMIC_RELAXED) : step[4]++;
      if (item >= items) break;
      work(step + 5, base, item, thread);
    }
    if (profile) profile[i] += espalier_now() - begin;
    if (!(step[3] & 1) && threads > 1) barrier(t, threads);
  }
  if (threads > 1) barrier(t, threads);
  if (profile) profile[steps] += espalier_now() - start;
  if (thread == 0) {
    step = program + 4;
    for (int32_t i = 0; i < steps; i++, step += step[0]) step[4] = 0;
  }
}
