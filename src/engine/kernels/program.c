/*
 * Runs a program: a flat list of kernel calls over one memory.
 *
 *     program  [steps, 0, 0, 0]  step…
 *     step     step_head  argument…
 *
 * Every thread of the team walks the same list. The items of a step are independent and handed out by the counter
 * `taken`; whoever does an item, the result is the same to the bit. A barrier follows each step unless NO_BARRIER says
 * that the next step does not depend on it; a step of no items with that flag costs nothing. `profile`, if given,
 * receives per step the nanoseconds this thread spent in kernels, and in its last place the nanoseconds of the whole
 * run, so that what is missing is waiting.
 */
#include "base.h"

/* Who waits at the barrier: `sleeping` of them in the system's care, to be woken; the rest looks at `phase` itself. */
typedef struct {
  int32_t arrived, phase, sleeping;
} team;

/* sleep_while returns when *phase may have changed from `seen`, after a millisecond at the latest. */
#if defined(__wasm__)
#define SPINS 4000
double espalier_now(void) __attribute__((import_module("host"), import_name("now")));
INLINE void pause_briefly(void) {}
INLINE void sleep_while(int32_t *phase, int32_t seen) { __builtin_wasm_memory_atomic_wait32(phase, seen, 1000000); }
INLINE void wake_all(int32_t *phase) { __builtin_wasm_memory_atomic_notify(phase, 1 << 20); }
#else
#define SPINS 1000
#include <time.h>
static double espalier_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}
INLINE void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
static void sleep_while(int32_t *phase, int32_t seen) {
  struct timespec limit = {.tv_nsec = 1000000};
  syscall(SYS_futex, phase, FUTEX_WAIT_PRIVATE, seen, &limit, 0, 0);
}
static void wake_all(int32_t *phase) { syscall(SYS_futex, phase, FUTEX_WAKE_PRIVATE, 1 << 20, 0, 0, 0); }
#else
#include <sched.h>
static void sleep_while(int32_t *phase, int32_t seen) { (void)phase, (void)seen, sched_yield(); }
static void wake_all(int32_t *phase) { (void)phase; }
#endif
#endif

static void barrier(team *t, int threads) {
  int32_t seen = __atomic_load_n(&t->phase, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(&t->arrived, 1, __ATOMIC_ACQ_REL) == threads) {
    __atomic_store_n(&t->arrived, 0, __ATOMIC_RELAXED);
    __atomic_add_fetch(&t->phase, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&t->sleeping, __ATOMIC_SEQ_CST)) wake_all(&t->phase);
    return;
  }
  for (int spins = 0; __atomic_load_n(&t->phase, __ATOMIC_ACQUIRE) == seen; spins++) {
    if (spins < SPINS) {
      pause_briefly();
      continue;
    }
    __atomic_add_fetch(&t->sleeping, 1, __ATOMIC_SEQ_CST);
    sleep_while(&t->phase, seen);
    __atomic_sub_fetch(&t->sleeping, 1, __ATOMIC_SEQ_CST);
  }
}

/* A word of a program, which lies in memory that a checked build has poisoned. */
__attribute__((no_sanitize("address"))) static int32_t word_at(const int32_t *word) { return *word; }

/* Each thread's profile starts on a line of its own: eight doubles to a line. */
INLINE double *profile_of(double *profile, const int32_t *program, int thread) {
  return profile ? profile + thread * (((int64_t)word_at(program) + 8) / 8 * 8) : 0;
}

#if CHECKED
#include "checks.c"
#else
INLINE step_head *first_step(int32_t *program) { return (step_head *)(program + PROGRAM_HEAD); }
INLINE step_head *next_step(step_head *step) { return (step_head *)((int32_t *)step + step->words); }

static void run_program(char *base, int32_t *program, team *t, int thread, int threads, double *profile) {
  int32_t steps = program[0];
  double start = profile ? espalier_now() : 0;
  step_head *step = first_step(program);
  for (int32_t i = 0; i < steps; i++, step = next_step(step)) {
    kernel *work = kernels[step->kernel];
    int32_t items = step->items;
    if (items == 0 && (step->flags & NO_BARRIER)) continue;
    double begin = profile ? espalier_now() : 0;
    for (;;) {
      int32_t item = threads > 1 ? __atomic_fetch_add(&step->taken, 1, __ATOMIC_RELAXED) : step->taken++;
      if (item >= items) break;
      work(step + 1, base, item, thread);
    }
    if (profile) profile[i] += espalier_now() - begin;
    if (!(step->flags & NO_BARRIER) && threads > 1) barrier(t, threads);
  }
  if (threads > 1) barrier(t, threads);
  if (profile) profile[steps] += espalier_now() - start;
  if (thread == 0) {
    step = first_step(program);
    for (int32_t i = 0; i < steps; i++, step = next_step(step)) step->taken = 0;
  }
}
#endif
