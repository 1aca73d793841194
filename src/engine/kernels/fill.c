/* Memory set to one value. Item k does the k-th run of FILL_RUN floats. */
KERNEL(fill) {
  float *target = at(base, a->target), value = a->value;
  int64_t from = (int64_t)item * FILL_RUN, to = from + FILL_RUN < a->floats ? from + FILL_RUN : a->floats;
  for (int64_t i = from; i < to; i++) target[i] = value;
}

/* The loop is program.c's. */
KERNEL(repeat) { (void)a, (void)base, (void)item, (void)thread; }
