/*
 * The kernels as an N-API addon: memory reserved once, a team of threads, programs run off the JavaScript thread.
 *
 *     open(bytes, threads) → handle     reserve(d address space, which the system fills with zero pages when touched)
 *     size(handle) → bytes              what was reserved: less than asked where the system refuses
 *     window(handle, from, bytes)       an ArrayBuffer over a part of the memory
 *     zero(handle, from, bytes)         makes memory zero; whole pages go back to the system
 *     run(handle, program, profile)     a Promise; addresses in bytes, profile 0 for none; one run at a time
 *     runHere(handle, program)          runs it on this thread alone, and returns when it is done
 *     close(handle, windows)            ends the threads, detaches the windows, gives the memory back
 *     names, contract, vector           the kernels, what they were compiled from, and the instruction set
 *
 * The memory outlives the handle while a window on it is alive: both count in `holders`. An idle team keeps no process
 * alive. Nothing here checks its arguments: native.ts is the only caller.
 */
#include "../kernels/espalier.c"

#include <node_api.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Sanitizers take much of it. */
#define STACK_BYTES (CHECKED ? 64 << 20 : 2 << 20)

/* In a checked build all memory is poisoned but while a step uses it, and nothing above looks at that from outside of kernels. */
#if CHECKED
#define POISON(memory, bytes) __asan_poison_memory_region(memory, bytes)
#define UNPOISON(memory, bytes) __asan_unpoison_memory_region(memory, bytes)
#else
#define POISON(memory, bytes) ((void)0)
#define UNPOISON(memory, bytes) ((void)0)
#endif

typedef struct machine machine;
typedef struct {
  machine *owner;
  pthread_t id;
  int index;
} member;

struct machine {
  team barrier __attribute__((aligned(64)));
  pthread_mutex_t lock __attribute__((aligned(64)));
  pthread_cond_t wake;
  uint64_t runs;
  int closing, stopped, hooked, holders, threads, started, busy;
  char *memory;
  size_t bytes;
  int32_t *program;
  double *profile;
  member *members;
  napi_env env;
  napi_threadsafe_function done;
  napi_deferred promise;
};

/* Sub-normal numbers are many times slower than others and mean nothing here: read and write them as zero. */
static void flush_subnormals(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040);
#elif defined(__aarch64__)
  uint64_t control;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  __asm__ volatile("msr fpcr, %0" : : "r"(control | (1 << 24)));
#endif
}

static void *serve(void *data) {
  member *self = data;
  machine *m = self->owner;
  flush_subnormals();
  for (uint64_t seen = 0;; seen++) {
    pthread_mutex_lock(&m->lock);
    while (m->runs == seen && !m->closing) pthread_cond_wait(&m->wake, &m->lock);
    int leave = m->runs == seen;
    pthread_mutex_unlock(&m->lock);
    if (leave) return NULL;
    double *profile = profile_of(m->profile, m->program, self->index);
    run_program(m->memory, m->program, &m->barrier, self->index, m->threads, profile);
    if (__atomic_sub_fetch(&m->busy, 1, __ATOMIC_ACQ_REL) == 0)
      napi_call_threadsafe_function(m->done, NULL, napi_tsfn_blocking);
  }
}

static void let_go(machine *m) {
  if (--m->holders > 0) return;
  if (m->memory) {
    UNPOISON(m->memory, m->bytes);
    munmap(m->memory, m->bytes);
  }
  pthread_cond_destroy(&m->wake);
  pthread_mutex_destroy(&m->lock);
  free(m->members);
  free(m);
}

/* Lets a run that is under way end, then ends the threads. */
static void stop(machine *m) {
  if (m->stopped) return;
  m->stopped = 1;
  pthread_mutex_lock(&m->lock);
  m->closing = 1;
  pthread_cond_broadcast(&m->wake);
  pthread_mutex_unlock(&m->lock);
  for (int i = 0; i < m->started; i++) pthread_join(m->members[i].id, NULL);
  if (m->done) napi_release_threadsafe_function(m->done, napi_tsfn_release);
}

static void on_teardown(void *data) {
  machine *m = data;
  m->hooked = 0;
  stop(m);
}

static void unhook(machine *m) {
  if (m->hooked) napi_remove_env_cleanup_hook(m->env, on_teardown, m);
  m->hooked = 0;
}

static void on_done(napi_env env, napi_value callback, void *context, void *data) {
  (void)callback, (void)data;
  machine *m = context;
  if (!env) return;
  napi_value nothing;
  napi_get_undefined(env, &nothing);
  napi_unref_threadsafe_function(env, m->done);
  napi_resolve_deferred(env, m->promise, nothing);
}

static void on_done_closed(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  let_go(data);
}

static void on_window_freed(napi_env env, void *data, void *hint) {
  (void)env, (void)data;
  let_go(hint);
}

static void on_handle_freed(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  machine *m = data;
  unhook(m);
  stop(m);
  let_go(m);
}

static napi_value refuse(napi_env env, const char *why) {
  napi_throw_error(env, NULL, why);
  return NULL;
}

static void arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values) {
  napi_get_cb_info(env, info, &count, values, NULL, NULL);
}

static size_t number(napi_env env, napi_value value) {
  int64_t result = 0;
  napi_get_value_int64(env, value, &result);
  return (size_t)result;
}

static machine *opened(napi_env env, napi_value handle) {
  void *data = NULL;
  napi_get_value_external(env, handle, &data);
  return data;
}

/* Asks for large pages: with small ones, looking up where they lie takes a third of the speed at which memory is read. */
static void enlarge_pages(char *memory, size_t bytes) {
#if defined(MADV_HUGEPAGE)
  madvise(memory, bytes, MADV_HUGEPAGE);
#else
  (void)memory, (void)bytes;
#endif
}

static char *reserve(size_t *bytes) {
  for (; *bytes >= 1 << 26; *bytes = *bytes / 2 & ~(size_t)0xffff) {
    char *memory = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) continue;
    enlarge_pages(memory, *bytes);
    return memory;
  }
  return NULL;
}

static int start_threads(machine *m) {
  pthread_attr_t settings;
  pthread_attr_init(&settings);
  pthread_attr_setstacksize(&settings, STACK_BYTES);
  for (; m->started < m->threads; m->started++) {
    member *one = &m->members[m->started];
    *one = (member){.owner = m, .index = m->started};
    if (pthread_create(&one->id, &settings, serve, one)) break;
  }
  pthread_attr_destroy(&settings);
  return m->started == m->threads;
}

static napi_value open_machine(napi_env env, napi_callback_info info) {
  napi_value values[2], name, handle;
  arguments(env, info, 2, values);
  machine *m = aligned_alloc(64, (sizeof(machine) + 63) / 64 * 64);
  if (!m) return refuse(env, "no memory is left");
  memset(m, 0, sizeof(machine));
  pthread_mutex_init(&m->lock, NULL);
  pthread_cond_init(&m->wake, NULL);
  m->env = env;
  m->threads = (int)number(env, values[1]);
  m->bytes = number(env, values[0]);
  m->memory = reserve(&m->bytes);
  m->members = calloc(m->threads, sizeof(member));
  m->holders = 1;
  if (!m->memory || !m->members) {
    let_go(m);
    return refuse(env, "the system gives no address space");
  }
  POISON(m->memory, m->bytes);
  napi_create_string_utf8(env, "espalier", NAPI_AUTO_LENGTH, &name);
  m->holders++;
  napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, m, on_done_closed, m, on_done, &m->done);
  napi_unref_threadsafe_function(env, m->done);
  /* Hooks run last in, first out: this one ends the threads before the function that they call is taken away. */
  napi_add_env_cleanup_hook(env, on_teardown, m);
  m->hooked = 1;
  napi_create_external(env, m, on_handle_freed, NULL, &handle);
  return start_threads(m) ? handle : refuse(env, "the system gives no more threads");
}

static napi_value size_of(napi_env env, napi_callback_info info) {
  napi_value values[1], result;
  arguments(env, info, 1, values);
  napi_create_int64(env, (int64_t)opened(env, values[0])->bytes, &result);
  return result;
}

static napi_value window(napi_env env, napi_callback_info info) {
  napi_value values[3], result;
  arguments(env, info, 3, values);
  machine *m = opened(env, values[0]);
  char *from = m->memory + number(env, values[1]);
  if (napi_create_external_arraybuffer(env, from, number(env, values[2]), on_window_freed, m, &result))
    return refuse(env, "this host does not allow memory of its own");
  m->holders++;
  return result;
}

static napi_value zero(napi_env env, napi_callback_info info) {
  napi_value values[3];
  arguments(env, info, 3, values);
  machine *m = opened(env, values[0]);
  size_t page = (size_t)sysconf(_SC_PAGESIZE), from = number(env, values[1]), to = from + number(env, values[2]);
  size_t first = (from + page - 1) / page * page, last = to / page * page;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
  if (CHECKED || last < first + (1 << 20) ||
      mmap(m->memory + first, last - first, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED)
    first = last = to;
  enlarge_pages(m->memory + first, last - first);
  memset(m->memory + from, 0, first - from);
  memset(m->memory + last, 0, to - last);
  return NULL;
}

static napi_value run(napi_env env, napi_callback_info info) {
  napi_value values[3], promise;
  arguments(env, info, 3, values);
  machine *m = opened(env, values[0]);
  size_t profile = number(env, values[2]);
  napi_create_promise(env, &m->promise, &promise);
  napi_ref_threadsafe_function(env, m->done);
  m->program = (int32_t *)(m->memory + number(env, values[1]));
  m->profile = profile ? (double *)(m->memory + profile) : NULL;
  m->busy = m->threads;
  pthread_mutex_lock(&m->lock);
  m->runs++;
  pthread_cond_broadcast(&m->wake);
  pthread_mutex_unlock(&m->lock);
  return promise;
}

static napi_value run_here(napi_env env, napi_callback_info info) {
  napi_value values[2];
  arguments(env, info, 2, values);
  machine *m = opened(env, values[0]);
#if defined(__x86_64__) || defined(__i386__)
  unsigned control = __builtin_ia32_stmxcsr();
  flush_subnormals();
  run_program(m->memory, (int32_t *)(m->memory + number(env, values[1])), NULL, 0, 1, NULL);
  __builtin_ia32_ldmxcsr(control);
#elif defined(__aarch64__)
  uint64_t control;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  flush_subnormals();
  run_program(m->memory, (int32_t *)(m->memory + number(env, values[1])), NULL, 0, 1, NULL);
  __asm__ volatile("msr fpcr, %0" : : "r"(control));
#else
  run_program(m->memory, (int32_t *)(m->memory + number(env, values[1])), NULL, 0, 1, NULL);
#endif
  return NULL;
}

static napi_value close_machine(napi_env env, napi_callback_info info) {
  napi_value values[2], one;
  arguments(env, info, 2, values);
  machine *m = opened(env, values[0]);
  uint32_t windows = 0;
  unhook(m);
  stop(m);
  napi_get_array_length(env, values[1], &windows);
  for (uint32_t i = 0; i < windows; i++) {
    napi_get_element(env, values[1], i, &one);
    napi_detach_arraybuffer(env, one);
  }
  UNPOISON(m->memory, m->bytes);
  munmap(m->memory, m->bytes);
  m->memory = NULL;
  return NULL;
}

static void put(napi_env env, napi_value exports, const char *name, napi_callback body) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, body, NULL, &function);
  napi_set_named_property(env, exports, name, function);
}

#if defined(__AVX512F__)
#define VECTOR "AVX-512"
#elif defined(__AVX2__)
#define VECTOR "AVX2"
#elif defined(__AVX__)
#define VECTOR "AVX"
#elif defined(__ARM_NEON)
#define VECTOR "NEON"
#elif defined(__SSE2__)
#define VECTOR "SSE2"
#else
#define VECTOR "plain vectors"
#endif

NAPI_MODULE_INIT() {
  napi_value value;
  put(env, exports, "open", open_machine);
  put(env, exports, "size", size_of);
  put(env, exports, "window", window);
  put(env, exports, "zero", zero);
  put(env, exports, "run", run);
  put(env, exports, "runHere", run_here);
  put(env, exports, "close", close_machine);
  napi_create_string_utf8(env, kernel_names, NAPI_AUTO_LENGTH, &value);
  napi_set_named_property(env, exports, "names", value);
  napi_create_string_utf8(env, VECTOR, NAPI_AUTO_LENGTH, &value);
  napi_set_named_property(env, exports, "vector", value);
  napi_create_string_utf8(env, kernel_contract, NAPI_AUTO_LENGTH, &value);
  napi_set_named_property(env, exports, "contract", value);
  return exports;
}
