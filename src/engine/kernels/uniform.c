/*
 * Uniform random numbers in [0, 1), counter-based: number i of stream s in step t is a pure function of (seed, s, t, i), so
 * neither threads nor a resumed run change it. The mixing is MurmurHash3's finaliser, twice.
 * Item k does the k-th run of UNIFORM_RUN.
 */
INLINE uint32_t mixed(uint32_t h) {
  h = (h ^ (h >> 16)) * 0x85ebca6bu;
  h = (h ^ (h >> 13)) * 0xc2b2ae35u;
  return h ^ (h >> 16);
}

KERNEL(uniform) {
  float *target = at(base, a->target);
  const int32_t *seed = ints_at(base, a->seed);
  uint32_t key =
      mixed((uint32_t)seed[0] ^ mixed((uint32_t)a->stream * 0x9e3779b1u ^ mixed((uint32_t)seed[1] + 0x85a308d3u)));
  uint32_t key2 = mixed(key ^ 0x3c6ef372u);
  int64_t from = (int64_t)item * UNIFORM_RUN, to = from + UNIFORM_RUN < a->elements ? from + UNIFORM_RUN : a->elements;
  for (int64_t i = from; i < to; i++)
    target[i] = (float)(mixed(mixed(key + (uint32_t)i * 0x9e3779b1u) ^ key2) >> 8) * (1.0f / 16777216.0f);
}
