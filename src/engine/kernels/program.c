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
 *
 * A step `repeat` begins a loop: the steps behind it are run `times` times. Between two rounds each of its moves adds a number
 * to one word of the body (the line of a value of the next moment, say); after the last round the words are as they were.
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

/* Programs and profiles lie in memory that a checked build has poisoned. */
#define UNCHECKED __attribute__((no_sanitize("address")))
UNCHECKED static int32_t word_at(const int32_t *word) { return *word; }
UNCHECKED static void add_time(double *time, double more) { *time += more; }
/* Lets the items of a step be handed out anew. */
UNCHECKED static void hand_out(step_head *step) { step->taken = 0; }

/* Each thread's profile starts on a line of its own: eight doubles to a line. */
INLINE double *profile_of(double *profile, const int32_t *program, int thread) {
  return profile ? profile + thread * (((int64_t)word_at(program) + 8) / 8 * 8) : 0;
}

INLINE step_head *first_step(int32_t *program) { return (step_head *)(program + PROGRAM_HEAD); }
INLINE step_head *next_step(step_head *step) { return (step_head *)((int32_t *)step + word_at(&step->words)); }

/* A loop that is under way: its step, the first of its body and the index of that, the index behind the body, and the rounds done. */
typedef struct {
  step_head *loop, *first;
  int32_t index, end, round;
} frame;

/* Moves the words of a body so many rounds on, or back. Items of its steps can be handed out anew. */
UNCHECKED static void move_words(const frame *f, int32_t rounds) {
  const repeat_arguments *a = (const repeat_arguments *)(f->loop + 1);
  const move *m = repeat_moves(a), *end = m + a->moves;
  step_head *step = f->first;
  for (int32_t i = 0; i < f->end - f->index; i++, step = next_step(step)) {
    hand_out(step);
    for (; m < end && m->step == i; m++) ((int32_t *)(step + 1))[m->word] += m->by * rounds;
  }
}

#if CHECKED
#include "checks.c"
#else
static void run_step(char *base, step_head *step, int index, int thread, int threads) {
  (void)index;
  kernel *work = kernels[step->kernel];
  for (;;) {
    int32_t item = threads > 1 ? __atomic_fetch_add(&step->taken, 1, __ATOMIC_RELAXED) : step->taken++;
    if (item >= step->items) break;
    work(step + 1, base, item, thread);
  }
}
#endif

static void run_program(char *base, int32_t *program, team *t, int thread, int threads, double *profile) {
  int32_t steps = word_at(program), depth = 0;
  frame frames[MOST_NESTED];
  double start = profile ? espalier_now() : 0;
  step_head *step = first_step(program);
  for (int32_t i = 0; i < steps;) {
    step_head *here = step;
    int32_t index = i++;
    step = next_step(step);
    if (kernels[word_at(&here->kernel)] == repeat) {
      const repeat_arguments *a = (const repeat_arguments *)(here + 1);
      frames[depth++] = (frame){here, step, i, i + word_at(&a->steps), 0};
      continue;
    }
    int32_t free = word_at(&here->flags) & NO_BARRIER;
    if (word_at(&here->items) > 0 || !free) {
      double begin = profile ? espalier_now() : 0;
      run_step(base, here, index, thread, threads);
      if (profile) add_time(profile + index, espalier_now() - begin);
      if (!free && threads > 1) barrier(t, threads);
    }
    while (depth > 0 && i == frames[depth - 1].end) {
      frame *f = frames + depth - 1;
      int32_t times = word_at(&((const repeat_arguments *)(f->loop + 1))->times), last = ++f->round == times;
      if (thread == 0) move_words(f, last ? 1 - times : 1);
      if (last) {
        depth--;
        continue;
      }
      if (threads > 1) barrier(t, threads);
      step = f->first, i = f->index;
    }
  }
  if (threads > 1) barrier(t, threads);
  if (profile) add_time(profile + steps, espalier_now() - start);
  if (thread == 0) {
    step = first_step(program);
    for (int32_t i = 0; i < steps; i++, step = next_step(step)) hand_out(step);
  }
}
