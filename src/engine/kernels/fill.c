/* Memory set to one value. args: [target line, floats, value]; item k does the k-th run of FILL_RUN floats. */
#define FILL_RUN 16384

static void fill(const int32_t *args, char *base, int item, int thread) {
  (void)thread;
  float *target = at(base, args[0]);
  float value = as_float(args[2]);
  int64_t from = (int64_t)item * FILL_RUN, to = from + FILL_RUN < args[1] ? from + FILL_RUN : args[1];
  for (int64_t i = from; i < to; i++) target[i] = value;
}
