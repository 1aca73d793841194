/*
 * Convolution of every kind as one gather: each output pixel is a sum over input channels and *taps*.
 *
 * The geometry is not here. The compiler (../lowering/taps.ts) sorts the output pixels into *classes*, all pixels of a
 * class having the same valid taps, and writes per class a list of taps (line offset into the input, index into the
 * kernel window) and a list of pixels (line offset in the input, line offset in the output). Stride, padding, dilation,
 * the input gradient (a gather over the other parity classes) and transposed convolution are then all the same loop:
 *
 *     y[o][pixel.out] = bias[o] + Σ_c Σ_tap w[o][c][tap.index] · x[c][pixel.in + tap.offset]
 *
 * A register tile holds MR output channels × NP pixels; weights come packed as [O/MR][C][K][MR] and are broadcast.
 * Channels are taken CHUNK at a time, so that the weights of a tile and the inputs of a run of pixels stay in cache;
 * partial sums wait in y. The order of additions is fixed by the shapes alone, and a sum of −0 is stored as 0, so that
 * sparse.c can give the same bits.
 *
 * table: [classes] then per class [taps, first tap, pixels of `blocks per item` blocks, first pixel], indices in words.
 */
#define CONV_CHUNK_TAPS 640   /* channels × taps taken at once: 8 × 640 floats of weights fill 20 KB of L1 */
#define CONV_CHUNK_LINES 6144 /* input lines that a run of pixels may touch: 384 KB of L2 */

typedef struct {
  const int32_t *taps;   /* pairs */
  int count, from, to;   /* taps; channels from … to−1 */
  int window;
  int64_t xc, yc;        /* floats */
  int outputs;           /* of this tile, ≤ MR */
  int first;             /* whether this is the first chunk of channels */
  const float *bias;
} conv_tile;

/* NP pixels × MR channels, parts PART … PART+NV−1 of each line. */
INLINE void conv_micro(const conv_tile *t, const float *x, float *y, const float *w, const int32_t *pixels,
                       const int MR, const int NP, const int NV, int part) {
  vec acc[8][8];
  const float *px[8];
  float *py[8];
#pragma GCC unroll 8
  for (int p = 0; p < NP; p++) {
    px[p] = x + (int64_t)pixels[2 * p] * LANES + part * VL;
    py[p] = y + (int64_t)pixels[2 * p + 1] * LANES + part * VL;
  }
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++)
#pragma GCC unroll 8
    for (int v = 0; v < NP * NV; v++)
      acc[m][v] = t->first         ? splat(t->bias && m < t->outputs ? t->bias[m] : 0)
                  : m < t->outputs ? load(py[v / NV] + m * t->yc + v % NV * VL)
                                   : splat(0);
  for (int c = t->from; c < t->to; c++) {
    int64_t channel = c * t->xc;
    const float *wc = w + (int64_t)c * t->window * MR;
    for (int k = 0; k < t->count; k++) {
      int64_t offset = channel + (int64_t)t->taps[2 * k] * LANES;
      const float *wk = wc + (int64_t)t->taps[2 * k + 1] * MR;
      vec in[8];
#pragma GCC unroll 8
      for (int v = 0; v < NP * NV; v++) in[v] = load(px[v / NV] + offset + v % NV * VL);
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++)
#pragma GCC unroll 8
        for (int v = 0; v < NP * NV; v++) acc[m][v] += in[v] * wk[m];
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++)
    if (m < t->outputs)
#pragma GCC unroll 8
      for (int v = 0; v < NP * NV; v++) store(py[v / NV] + m * t->yc + v % NV * VL, acc[m][v] + splat(0));
}

/* The register tile of the machine: NP pixels of NV parts for MR channels. */
#if VL == 16
#define CONV_NP 3
#define CONV_NV 1
#elif VL == 8
#define CONV_NP 1
#define CONV_NV 2
#elif defined(__aarch64__)
#define CONV_NP 1
#define CONV_NV 4
#else
#define CONV_NP 1
#define CONV_NV 2
#endif

typedef void conv_run_fn(const conv_tile *t, const float *x, float *y, const float *w, const int32_t *pixels,
                         int count);

#define CONV_RUN(MR, NP1)                                                                                             \
  static void conv_run_##MR(const conv_tile *t, const float *x, float *y, const float *w, const int32_t *pixels,      \
                            int count) {                                                                              \
    int p = 0;                                                                                                        \
    for (; p + NP1 <= count; p += NP1)                                                                                \
      for (int part = 0; part < PARTS; part += CONV_NV)                                                               \
        conv_micro(t, x, y, w, pixels + 2 * p, MR, NP1, CONV_NV, part);                                               \
    if (NP1 > 2 && p + 2 <= count) {                                                                                  \
      for (int part = 0; part < PARTS; part += CONV_NV) conv_micro(t, x, y, w, pixels + 2 * p, MR, 2, CONV_NV, part); \
      p += 2;                                                                                                         \
    }                                                                                                                 \
    for (; p < count; p++)                                                                                            \
      for (int part = 0; part < PARTS; part += CONV_NV) conv_micro(t, x, y, w, pixels + 2 * p, MR, 1, CONV_NV, part); \
  }
#if VL == 16
#define CONV_MR 8
CONV_RUN(8, 3)
CONV_RUN(4, 4)
CONV_RUN(2, 4)
CONV_RUN(1, 8)
#else
#if VL == 8
#define CONV_MR 6
CONV_RUN(6, CONV_NP)
#else
#define CONV_MR 4
#endif
CONV_RUN(4, CONV_NP)
CONV_RUN(2, 2)
CONV_RUN(1, 4)
#endif

INLINE conv_run_fn *conv_run(int mr) {
  switch (mr) {
#if VL == 16
    case 8: return conv_run_8;
#elif VL == 8
    case 6: return conv_run_6;
#endif
    case 4: return conv_run_4;
    case 2: return conv_run_2;
    default: return conv_run_1;
  }
}

/* Where a group's first image begins in a block of the buffer at `line`. */
INLINE float *image_at(char *base, int32_t line, image_strides by, int block, int group) {
  return at(base, line) + ((int64_t)block * by.block + (int64_t)group * by.group) * LANES;
}

KERNEL(conv) {
  const int32_t *table = ints_at(base, a->table);
  int channels = a->channels, window = a->window, outputs = a->outputs;
  int mr = a->height, tiles = ceil_div(outputs, mr), per = a->tiles_per_item, runs = ceil_div(tiles, per);
  int run = item % runs, group = item / runs % a->groups, some = item / runs / a->groups;
  int block = some * a->blocks_per_item;
  int blocks = min_int(a->blocks_per_item, a->blocks - block);
  int tile_to = min_int(tiles, (run + 1) * per);
  const float *x = image_at(base, a->x, a->x_by, block, group);
  float *y = image_at(base, a->y, a->y_by, block, group);
  int64_t tile_words = (int64_t)channels * window * mr;
  const float *w = at(base, a->weights) + (int64_t)group * tiles * tile_words;
  const float *bias = a->bias < 0 ? 0 : at(base, a->bias) + (int64_t)group * outputs;
  conv_run_fn *do_run = conv_run(mr);

  conv_tile t = {.window = window, .xc = (int64_t)a->x_by.channel * LANES, .yc = (int64_t)a->y_by.channel * LANES};
  for (int k = 0; k < table[0]; k++) {
    const int32_t *entry = table + 1 + 4 * k;
    const int32_t *pixels = table + entry[3];
    int count = entry[2] / a->blocks_per_item * blocks;
    t.count = entry[0];
    t.taps = table + entry[1];
    int chunk = max_int(1, min_int(channels, CONV_CHUNK_TAPS / max_int(1, t.count)));
    int stretch = max_int(24, CONV_CHUNK_LINES / chunk / 24 * 24);
    for (int from = 0; from < channels; from += chunk) {
      t.from = from;
      t.to = min_int(channels, from + chunk);
      t.first = from == 0;
      for (int p = 0; p < count; p += stretch)
        for (int tile = run * per; tile < tile_to; tile++) {
          t.outputs = min_int(mr, outputs - tile * mr);
          t.bias = bias ? bias + tile * mr : 0;
          do_run(&t, x, y + tile * mr * t.yc, w + tile * tile_words, pixels + 2 * p, min_int(stretch, count - p));
        }
    }
  }
}

/*
 * Weights in the order that `conv` reads them. Destination [group][tile][channel][window][mr], zero where a tile
 * reaches beyond the outputs; element (o, c, k) comes from weights[offset + group·by.group + o·by.output + c·by.channel + k].
 * Item: one tile of one group; it counts the weights that are not 0.
 */
KERNEL(conv_pack) {
  int outputs = a->outputs, channels = a->channels, window = a->window, mr = a->height, tiles = ceil_div(outputs, mr);
  int group = item / tiles, tile = item % tiles;
  const float *w = at(base, a->weights) + a->offset + (int64_t)group * a->by.group;
  float *to = at(base, a->packed) + (int64_t)item * channels * window * mr;
  int32_t found = 0;
  for (int m = 0; m < mr; m++) {
    int o = tile * mr + m;
    for (int c = 0; c < channels; c++) {
      const float *from = w + (int64_t)o * a->by.output + (int64_t)c * a->by.channel;
      float *row = to + (int64_t)c * window * mr + m;
      for (int k = 0; k < window; k++) {
        float value = o < outputs ? from[k] : 0;
        row[k * mr] = value;
        found += value != 0;
      }
    }
  }
  ints_at(base, a->counts)[item] = found;
}

/*
 * The weight gradient: for every (o, c, tap) the dot product of dy[o] and the shifted x[c] over samples and pixels.
 * A register tile is up to CW_MO outputs × 3 (channel, tap) pairs; over a stretch of pixels the rows of dy stay in L1 while all
 * channels and taps pass by; sums rest in `scratch` [CW_MO][channels][window] lines between stretches. The blocks are taken in
 * parts, whose sums are added one to another.
 *
 * The table is conv's (forward geometry), for the blocks of a part. Item: one tile of CW_MO outputs and one run of channels of
 * one group. Where the mask is 0 the gradient is too, unless the integer `every` is not 0.
 */
#define CW_MT 3
#define CW_STRETCH 48

/* MO outputs × MT shifted inputs over `count` pixels; sums of (o, t) at sum[o·so + st[t]]. */
INLINE void cw_micro(const float *const *xs, const float *dy, int64_t yc, const int32_t *pixels, int count, float *sum,
                     int64_t so, const int64_t *st, const int MO, const int MT) {
  for (int part = 0; part < LANES; part += VL) {
    vec acc[8][3];
#pragma GCC unroll 8
    for (int o = 0; o < MO; o++)
#pragma GCC unroll 3
      for (int t = 0; t < MT; t++) acc[o][t] = splat(0);
    for (int p = 0; p < count; p++) {
      int64_t in = (int64_t)pixels[2 * p] * LANES + part, out = (int64_t)pixels[2 * p + 1] * LANES + part;
      vec x[3];
#pragma GCC unroll 3
      for (int t = 0; t < MT; t++) {
        x[t] = load(xs[t] + in);
        PIN(x[t]);
      }
#pragma GCC unroll 8
      for (int o = 0; o < MO; o++) {
        vec d = load(dy + o * yc + out);
        PIN(d);
#pragma GCC unroll 3
        for (int t = 0; t < MT; t++) acc[o][t] += d * x[t];
      }
    }
#pragma GCC unroll 8
    for (int o = 0; o < MO; o++)
#pragma GCC unroll 3
      for (int t = 0; t < MT; t++) {
        float *to = sum + o * so + st[t] + part;
        store(to, load(to) + acc[o][t]);
      }
  }
}

typedef void cw_fn(const float *const *xs, const float *dy, int64_t yc, const int32_t *pixels, int count, float *sum,
                   int64_t so, const int64_t *st);
#define CW(MO, MT)                                                                                                  \
  static void cw_##MO##_##MT(const float *const *xs, const float *dy, int64_t yc, const int32_t *pixels, int count, \
                             float *sum, int64_t so, const int64_t *st) {                                           \
    cw_micro(xs, dy, yc, pixels, count, sum, so, st, MO, MT);                                                       \
  }
CW(1, 1)
CW(1, 2)
CW(1, 3)
CW(2, 1)
CW(2, 2)
CW(2, 3)
CW(4, 1)
CW(4, 2)
CW(4, 3)
#if CW_MO == 8
CW(8, 1)
CW(8, 2)
CW(8, 3)
#endif

static cw_fn *const cw_table[4][3] = {
    {cw_1_1, cw_1_2, cw_1_3},
    {cw_2_1, cw_2_2, cw_2_3},
    {cw_4_1, cw_4_2, cw_4_3},
#if CW_MO == 8
    {cw_8_1, cw_8_2, cw_8_3},
#endif
};

KERNEL(conv_weight) {
  const int32_t *table = ints_at(base, a->table);
  int channels = a->channels, outputs = a->outputs, window = a->window, blocks = a->blocks;
  int tiles = ceil_div(outputs, CW_MO), runs = ceil_div(channels, a->run);
  int run = item % runs, tile = item / runs % tiles, group = item / runs / tiles;
  int c_from = run * a->run, c_to = min_int(channels, c_from + a->run);
  int o_from = tile * CW_MO, mo = min_int(CW_MO, outputs - o_from);
  int64_t xc = (int64_t)a->x_by.channel * LANES, yc = (int64_t)a->dy_by.channel * LANES;
  const float *x = image_at(base, a->x, a->x_by, 0, group);
  const float *dy = image_at(base, a->dy, a->dy_by, 0, group) + o_from * yc;
  float *sums = scratch_at(base, a->scratch, conv_weight_scratch(a), thread);
  int pairs = (c_to - c_from) * window;
  int64_t so = (int64_t)pairs * LANES;
  int64_t first = ((int64_t)group * outputs + o_from) * channels * window + (int64_t)c_from * window;
  float *dw = at(base, a->dw) + first;

  for (int block = 0; block < blocks; block += a->blocks_per_part) {
    int some = min_int(a->blocks_per_part, blocks - block);
    for (int64_t i = 0; i < CW_MO * so; i += VL) store(sums + i, splat(0));
    const float *xb = x + (int64_t)block * a->x_by.block * LANES, *dyb = dy + (int64_t)block * a->dy_by.block * LANES;
    for (int k = 0; k < table[0]; k++) {
      const int32_t *entry = table + 1 + 4 * k, *taps = table + entry[1];
      int count = entry[2] / a->blocks_per_part * some, pairs_here = (c_to - c_from) * entry[0];
      for (int p = 0; p < count; p += CW_STRETCH) {
        const int32_t *pixels = table + entry[3] + 2 * p;
        int stretch = min_int(CW_STRETCH, count - p);
        for (int pair = 0; pair < pairs_here; pair += CW_MT) {
          int mt = min_int(CW_MT, pairs_here - pair);
          const float *xs[3];
          int64_t st[3];
          for (int t = 0; t < mt; t++) {
            int c = (pair + t) / entry[0], tap = (pair + t) % entry[0];
            xs[t] = xb + (c_from + c) * xc + (int64_t)taps[2 * tap] * LANES;
            st[t] = ((int64_t)c * window + taps[2 * tap + 1]) * LANES;
          }
          for (int o = 0; o < mo;) {
            int rank = mo - o >= 8 ? 3 : mo - o >= 4 ? 2 : mo - o >= 2 ? 1 : 0;
            if (CW_MO < 8 && rank == 3) rank = 2;
            cw_table[rank][mt - 1](xs, dyb + o * yc, yc, pixels, stretch, sums + o * so, so, st);
            o += 1 << rank;
          }
        }
      }
    }
    for (int o = 0; o < mo; o++)
      for (int i = 0; i < pairs; i++) {
        vec total = load(sums + o * so + (int64_t)i * LANES);
        for (int part = VL; part < LANES; part += VL) total += load(sums + o * so + (int64_t)i * LANES + part);
        float *to = dw + (int64_t)o * channels * window + i;
        *to = block == 0 ? lane_sum(total) : *to + lane_sum(total);
      }
  }
  if (a->mask < 0) return;
  const float *mask = at(base, a->mask) + first;
  int32_t every = *ints_at(base, a->every), kept = 0;
  for (int o = 0; o < mo; o++)
    for (int64_t i = (int64_t)o * channels * window; i < (int64_t)o * channels * window + pairs; i++) {
      if (mask[i] != 0) kept++;
      else if (!every) dw[i] = 0;
    }
  if (a->counts >= 0) ints_at(base, a->counts)[item] = kept;
}
