/*
 * The kernels as a WebAssembly module. Every thread holds an instance of its own over the one shared memory, so what is
 * static here is shared by all of them; only the stack pointer is each one's own, and the host sets it.
 */
#include "../kernels/espalier.c"

#define EXPORT(name) __attribute__((export_name(name)))

/* Called by the last thread to end a run. */
void espalier_done(void) __attribute__((import_module("host"), import_name("done")));

static team run_barrier;
static int32_t runs, busy;
static char *memory;
static int32_t *order_program;
static double *order_profile;

EXPORT("names") const char *names(void) { return kernel_names; }
EXPORT("contract") const char *contract(void) { return kernel_contract; }

/* Wakes the team for one program. Memory's start is an argument, lest the compiler take address 0 for a mistake. */
EXPORT("run") void run(char *base, int32_t program, int32_t profile, int32_t threads) {
  memory = base;
  order_program = ints_at(base, program);
  order_profile = profile ? (double *)at(base, profile) : 0;
  busy = threads;
  __atomic_add_fetch(&runs, 1, __ATOMIC_SEQ_CST);
  __builtin_wasm_memory_atomic_notify(&runs, 1 << 20);
}

/* Runs a program on the calling thread, which never waits. */
EXPORT("run_here") void run_here(char *base, int32_t program) { run_program(base, ints_at(base, program), 0, 0, 1, 0); }

/* A thread's life: it never returns, the host ends it while it sleeps. */
EXPORT("serve") void serve(int32_t thread, int32_t threads) {
  for (int32_t seen = 0;; seen++) {
    while (__atomic_load_n(&runs, __ATOMIC_SEQ_CST) == seen) __builtin_wasm_memory_atomic_wait32(&runs, seen, -1);
    double *profile = profile_of(order_profile, order_program, thread);
    run_program(memory, order_program, &run_barrier, thread, threads, profile);
    if (__atomic_sub_fetch(&busy, 1, __ATOMIC_SEQ_CST) == 0) espalier_done();
  }
}
