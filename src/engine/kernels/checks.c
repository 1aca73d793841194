/*
 * What a checked build does in place of running a program at full speed (scripts/build-native.mjs --checked, with AddressSanitizer
 * and UBSan): one thread does all the work, all memory is poisoned but the buffers of the step that runs, and each step is held
 * to the contract: its words, its items, and that every line lies in its buffer. Behind the arguments of a step the assembler
 * has written where the buffers of its lines are, each [first line, lines], in the order of the lines.
 */
#include <sanitizer/asan_interface.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
  const char *name;
  int words;
  int64_t (*items)(const void *), (*scratch)(const void *);
  const line_argument *lines;
  const tail_argument *tails;
} description;

#define DESCRIBED(name) {#name, sizeof(name##_arguments) / 4, name##_items, name##_scratch, name##_lines, name##_tails},
static const description descriptions[] = {KERNELS(DESCRIBED)};

#define MOST_LINES 64
typedef struct {
  const char *name;
  int32_t line, from, lines;
} checked_line;

/* The step that runs, for reports of AddressSanitizer. */
static struct {
  const description *kernel;
  int step, count;
  char *base;
  checked_line lines[MOST_LINES];
} running;

static void violated(const char *format, ...) {
  va_list rest;
  va_start(rest, format);
  fprintf(stderr, "espalier: step %d, %s: ", running.step, running.kernel->name);
  vfprintf(stderr, format, rest);
  fputc('\n', stderr);
  abort();
}

static void on_report(const char *report) {
  (void)report;
  if (!running.kernel) return;
  int64_t line = ((char *)__asan_get_report_address() - running.base) / 64;
  fprintf(stderr, "espalier: step %d, %s: reads or writes behind its buffers, at line %lld:", running.step,
          running.kernel->name, (long long)line);
  for (int i = 0; i < running.count; i++) {
    const checked_line *l = running.lines + i;
    fprintf(stderr, " %s %d…%d", l->name, l->from, l->from + l->lines - 1);
  }
  fputc('\n', stderr);
}

UNCHECKED static int32_t *copied(const int32_t *words, int count) {
  int32_t *copy = malloc(count * sizeof(int32_t));
  for (int i = 0; i < count; i++) copy[i] = words[i];
  return copy;
}

/* Takes the line at a place of the arguments into account. */
static void check_line(const int32_t *arguments, const char *name, int at, int optional, const int32_t **ranges,
                       const int32_t *end) {
  int32_t line = arguments[at];
  if (line == -1 && optional) return;
  if (*ranges + 2 > end) violated("'%s' is no line of a buffer", name);
  checked_line found = {name, line, (*ranges)[0], (*ranges)[1]};
  *ranges += 2;
  if (line < found.from || line >= found.from + found.lines)
    violated("'%s' is line %d, outside its buffer, lines %d…%d", name, line, found.from, found.from + found.lines - 1);
  if (running.count == MOST_LINES) violated("has too many lines");
  running.lines[running.count++] = found;
}

static void check_step(char *base, const step_head *step, const int32_t *words) {
  const description *kernel = running.kernel;
  int count = kernel->words, given = step->words - (int)(sizeof(step_head) / 4);
  if (given < count) violated("has %d words, fewer than its %d arguments", given, count);
  for (const tail_argument *tail = kernel->tails; tail->name; tail++) count += words[tail->count_at] * tail->words;
  if (given < count) violated("has %d words, fewer than its %d arguments", given, count);

  int32_t *arguments = copied(words, count);
  int64_t items = kernel->items(arguments);
  if (step->items != items) violated("has %d items of work, not %lld", step->items, (long long)items);
  const int32_t *ranges = words + count, *end = words + given, *tail_words = arguments + kernel->words;
  for (const line_argument *l = kernel->lines; l->name; l++)
    check_line(arguments, l->name, l->at, l->optional, &ranges, end);
  for (const tail_argument *tail = kernel->tails; tail->name; tail++)
    for (int i = 0; i < arguments[tail->count_at]; i++, tail_words += tail->words)
      if (tail->line_at >= 0) check_line(tail_words, tail->name, tail->line_at, 0, &ranges, end);
  if (ranges != end) violated("names more buffers than it has lines");

  for (int i = 0; i < running.count; i++) {
    const checked_line *l = running.lines + i;
    int64_t lines = l->lines;
    if (kernel->scratch && __builtin_strcmp(l->name, "scratch") == 0) {
      lines = kernel->scratch(arguments);
      if (l->line + lines > l->from + l->lines)
        violated("needs %lld lines of scratch and has %d", (long long)lines, l->lines);
    }
    __asan_unpoison_memory_region(at(base, l->from), lines * 64);
  }
  for (int32_t item = 0; item < items; item++) kernels[step->kernel](arguments, base, item, 0);
  for (int i = 0; i < running.count; i++)
    __asan_poison_memory_region(at(base, running.lines[i].from), (int64_t)running.lines[i].lines * 64);
  free(arguments);
}

/* One thread does all the work; the others wait at the barriers. */
static void run_step(char *base, step_head *at, int index, int thread, int threads) {
  (void)threads;
  if (thread > 0) return;
  __asan_set_error_report_callback(on_report);
  int32_t *step = copied((const int32_t *)at, word_at(&at->words));
  const step_head *head = (const step_head *)step;
  running.kernel = descriptions + head->kernel, running.step = index, running.count = 0, running.base = base;
  if (head->items > 0) check_step(base, head, step + sizeof(step_head) / 4);
  running.kernel = NULL;
  free(step);
}
