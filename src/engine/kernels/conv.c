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
 * table: [classes], then the words of each class, then lists of taps and pixels.
 */
#define CONV_CHUNK_TAPS 640   /* channels × taps taken at once: 8 × 640 floats of weights fill 20 KB of L1 */
#define CONV_CHUNK_LINES 6144 /* input lines that a run of pixels may touch: 384 KB of L2 */

/* The words of a class: how many taps, and where in the table they begin; the same of its pixels, those of some blocks together. */
enum { CLASS_TAPS, CLASS_FIRST_TAP, CLASS_PIXELS, CLASS_FIRST_PIXEL, CLASS_WORDS };

typedef struct {
  const int32_t *taps; /* pairs: lines from where a pixel reads, weight of the window */
  int tap_count;
  int first_channel, end_channel; /* of this chunk */
  int window;
  int64_t x_channel, y_channel; /* floats */
  int outputs; /* of this tile, ≤ MR */
  int first_chunk; /* whether this is the first chunk of channels */
  const float *bias;
} conv_tile;

/* NP pixels × MR channels, parts PART … PART+NV−1 of each line. */
INLINE void conv_micro(const conv_tile *tile, const float *x, float *y, const float *weights, const int32_t *pixels,
                       const int MR, const int NP, const int NV, int part) {
  vec sums[8][8];
  const float *from[8];
  float *to[8];
#pragma GCC unroll 8
  for (int pixel = 0; pixel < NP; pixel++) {
    from[pixel] = x + (int64_t)pixels[2 * pixel] * LANES + part * VL;
    to[pixel] = y + (int64_t)pixels[2 * pixel + 1] * LANES + part * VL;
  }
#pragma GCC unroll 8
  for (int output = 0; output < MR; output++)
#pragma GCC unroll 8
    for (int vector = 0; vector < NP * NV; vector++)
      sums[output][vector] = tile->first_chunk ? splat(tile->bias && output < tile->outputs ? tile->bias[output] : 0)
                             : output < tile->outputs
                                 ? load(to[vector / NV] + output * tile->y_channel + vector % NV * VL)
                                 : splat(0);
  for (int channel = tile->first_channel; channel < tile->end_channel; channel++) {
    int64_t channel_start = channel * tile->x_channel;
    const float *channel_weights = weights + (int64_t)channel * tile->window * MR;
    for (int tap = 0; tap < tile->tap_count; tap++) {
      int64_t offset = channel_start + (int64_t)tile->taps[2 * tap] * LANES;
      const float *tap_weights = channel_weights + (int64_t)tile->taps[2 * tap + 1] * MR;
      vec inputs[8];
#pragma GCC unroll 8
      for (int vector = 0; vector < NP * NV; vector++)
        inputs[vector] = load(from[vector / NV] + offset + vector % NV * VL);
#pragma GCC unroll 8
      for (int output = 0; output < MR; output++)
#pragma GCC unroll 8
        for (int vector = 0; vector < NP * NV; vector++) sums[output][vector] += inputs[vector] * tap_weights[output];
    }
  }
#pragma GCC unroll 8
  for (int output = 0; output < MR; output++)
    if (output < tile->outputs)
#pragma GCC unroll 8
      for (int vector = 0; vector < NP * NV; vector++)
        store(to[vector / NV] + output * tile->y_channel + vector % NV * VL, sums[output][vector] + splat(0));
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

typedef void conv_run_fn(const conv_tile *tile, const float *x, float *y, const float *weights, const int32_t *pixels,
                         int count);

#define CONV_RUN(MR, NP1)                                                                          \
  static void conv_run_##MR(const conv_tile *tile, const float *x, float *y, const float *weights, \
                            const int32_t *pixels, int count) {                                    \
    int pixel = 0;                                                                                 \
    for (; pixel + NP1 <= count; pixel += NP1)                                                     \
      for (int part = 0; part < PARTS; part += CONV_NV)                                            \
        conv_micro(tile, x, y, weights, pixels + 2 * pixel, MR, NP1, CONV_NV, part);               \
    if (NP1 > 2 && pixel + 2 <= count) {                                                           \
      for (int part = 0; part < PARTS; part += CONV_NV)                                            \
        conv_micro(tile, x, y, weights, pixels + 2 * pixel, MR, 2, CONV_NV, part);                 \
      pixel += 2;                                                                                  \
    }                                                                                              \
    for (; pixel < count; pixel++)                                                                 \
      for (int part = 0; part < PARTS; part += CONV_NV)                                            \
        conv_micro(tile, x, y, weights, pixels + 2 * pixel, MR, 1, CONV_NV, part);                 \
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

INLINE conv_run_fn *conv_run(int height) {
  switch (height) {
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
  int height = a->height, tiles = ceil_div(outputs, height), tiles_per_item = a->tiles_per_item,
      runs = ceil_div(tiles, tiles_per_item);
  int run = item % runs, group = item / runs % a->groups, stretch_of_blocks = item / runs / a->groups;
  int block = stretch_of_blocks * a->blocks_per_item;
  int blocks = min_int(a->blocks_per_item, a->blocks - block);
  int tile_to = min_int(tiles, (run + 1) * tiles_per_item);
  const float *x = image_at(base, a->x, a->x_by, block, group);
  float *y = image_at(base, a->y, a->y_by, block, group);
  int64_t tile_words = (int64_t)channels * window * height;
  const float *weights = at(base, a->weights) + (int64_t)group * tiles * tile_words;
  const float *bias = a->bias < 0 ? 0 : at(base, a->bias) + (int64_t)group * outputs;
  conv_run_fn *do_run = conv_run(height);

  conv_tile plan = {
      .window = window, .x_channel = (int64_t)a->x_by.channel * LANES, .y_channel = (int64_t)a->y_by.channel * LANES};
  for (int k = 0; k < table[0]; k++) {
    const int32_t *pixel_class = table + 1 + CLASS_WORDS * k;
    const int32_t *pixels = table + pixel_class[CLASS_FIRST_PIXEL];
    int count = pixel_class[CLASS_PIXELS] / a->blocks_per_item * blocks;
    plan.tap_count = pixel_class[CLASS_TAPS];
    plan.taps = table + pixel_class[CLASS_FIRST_TAP];
    int chunk = max_int(1, min_int(channels, CONV_CHUNK_TAPS / max_int(1, plan.tap_count)));
    int stretch = max_int(24, CONV_CHUNK_LINES / chunk / 24 * 24);
    for (int from = 0; from < channels; from += chunk) {
      plan.first_channel = from;
      plan.end_channel = min_int(channels, from + chunk);
      plan.first_chunk = from == 0;
      for (int pixel = 0; pixel < count; pixel += stretch)
        for (int tile = run * tiles_per_item; tile < tile_to; tile++) {
          plan.outputs = min_int(height, outputs - tile * height);
          plan.bias = bias ? bias + tile * height : 0;
          do_run(&plan, x, y + tile * height * plan.y_channel, weights + tile * tile_words, pixels + 2 * pixel,
                 min_int(stretch, count - pixel));
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
  int outputs = a->outputs, channels = a->channels, window = a->window, height = a->height,
      tiles = ceil_div(outputs, height);
  int group = item / tiles, tile = item % tiles;
  const float *weights = at(base, a->weights) + a->offset + (int64_t)group * a->by.group;
  float *to = at(base, a->packed) + (int64_t)item * channels * window * height;
  int32_t found = 0;
  for (int tile_row = 0; tile_row < height; tile_row++) {
    int output = tile * height + tile_row;
    for (int channel = 0; channel < channels; channel++) {
      const float *from = weights + (int64_t)output * a->by.output + (int64_t)channel * a->by.channel;
      float *row = to + (int64_t)channel * window * height + tile_row;
      for (int tap = 0; tap < window; tap++) {
        float value = output < outputs ? from[tap] : 0;
        row[tap * height] = value;
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

/* MO outputs × MT shifted inputs over `count` pixels; sums at sum[output·sum_output + sum_input[which]]. */
INLINE void cw_micro(const float *const *inputs, const float *dy, int64_t dy_channel, const int32_t *pixels, int count,
                     float *sum, int64_t sum_output, const int64_t *sum_input, const int MO, const int MT) {
  for (int part = 0; part < LANES; part += VL) {
    vec sums[8][3];
#pragma GCC unroll 8
    for (int output = 0; output < MO; output++)
#pragma GCC unroll 3
      for (int which = 0; which < MT; which++) sums[output][which] = splat(0);
    for (int pixel = 0; pixel < count; pixel++) {
      int64_t in = (int64_t)pixels[2 * pixel] * LANES + part, out = (int64_t)pixels[2 * pixel + 1] * LANES + part;
      vec x[3];
#pragma GCC unroll 3
      for (int which = 0; which < MT; which++) {
        x[which] = load(inputs[which] + in);
        PIN(x[which]);
      }
#pragma GCC unroll 8
      for (int output = 0; output < MO; output++) {
        vec slope = load(dy + output * dy_channel + out);
        PIN(slope);
#pragma GCC unroll 3
        for (int which = 0; which < MT; which++) sums[output][which] += slope * x[which];
      }
    }
#pragma GCC unroll 8
    for (int output = 0; output < MO; output++)
#pragma GCC unroll 3
      for (int which = 0; which < MT; which++) {
        float *total = sum + output * sum_output + sum_input[which] + part;
        store(total, load(total) + sums[output][which]);
      }
  }
}

typedef void cw_fn(const float *const *inputs, const float *dy, int64_t dy_channel, const int32_t *pixels, int count,
                   float *sum, int64_t sum_output, const int64_t *sum_input);
#define CW(MO, MT)                                                                                                   \
  static void cw_##MO##_##MT(const float *const *inputs, const float *dy, int64_t dy_channel, const int32_t *pixels, \
                             int count, float *sum, int64_t sum_output, const int64_t *sum_input) {                  \
    cw_micro(inputs, dy, dy_channel, pixels, count, sum, sum_output, sum_input, MO, MT);                             \
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
  int first_channel = run * a->run, end_channel = min_int(channels, first_channel + a->run);
  int first_output = tile * CW_MO, tile_outputs = min_int(CW_MO, outputs - first_output);
  int64_t x_channel = (int64_t)a->x_by.channel * LANES, dy_channel = (int64_t)a->dy_by.channel * LANES;
  const float *x = image_at(base, a->x, a->x_by, 0, group);
  const float *dy = image_at(base, a->dy, a->dy_by, 0, group) + first_output * dy_channel;
  float *sums = scratch_at(base, a->scratch, conv_weight_scratch(a), thread);
  int pairs = (end_channel - first_channel) * window;
  int64_t sum_output = (int64_t)pairs * LANES;
  int64_t first = ((int64_t)group * outputs + first_output) * channels * window + (int64_t)first_channel * window;
  float *dw = at(base, a->dw) + first;

  for (int block = 0; block < blocks; block += a->blocks_per_part) {
    int part_blocks = min_int(a->blocks_per_part, blocks - block);
    for (int64_t i = 0; i < CW_MO * sum_output; i += VL) store(sums + i, splat(0));
    const float *x_part = x + (int64_t)block * a->x_by.block * LANES,
                *dy_part = dy + (int64_t)block * a->dy_by.block * LANES;
    for (int k = 0; k < table[0]; k++) {
      const int32_t *pixel_class = table + 1 + CLASS_WORDS * k, *taps = table + pixel_class[CLASS_FIRST_TAP];
      int count = pixel_class[CLASS_PIXELS] / a->blocks_per_part * part_blocks,
          pairs_here = (end_channel - first_channel) * pixel_class[CLASS_TAPS];
      for (int pixel = 0; pixel < count; pixel += CW_STRETCH) {
        const int32_t *pixels = table + pixel_class[CLASS_FIRST_PIXEL] + 2 * pixel;
        int stretch = min_int(CW_STRETCH, count - pixel);
        for (int pair = 0; pair < pairs_here; pair += CW_MT) {
          int count_here = min_int(CW_MT, pairs_here - pair);
          const float *inputs[3];
          int64_t sum_input[3];
          for (int which = 0; which < count_here; which++) {
            int channel = (pair + which) / pixel_class[CLASS_TAPS], tap = (pair + which) % pixel_class[CLASS_TAPS];
            inputs[which] = x_part + (first_channel + channel) * x_channel + (int64_t)taps[2 * tap] * LANES;
            sum_input[which] = ((int64_t)channel * window + taps[2 * tap + 1]) * LANES;
          }
          for (int output = 0; output < tile_outputs;) {
            int rank = tile_outputs - output >= 8   ? 3
                       : tile_outputs - output >= 4 ? 2
                       : tile_outputs - output >= 2 ? 1
                                                    : 0;
            if (CW_MO < 8 && rank == 3) rank = 2;
            cw_table[rank][count_here - 1](inputs, dy_part + output * dy_channel, dy_channel, pixels, stretch,
                                           sums + output * sum_output, sum_output, sum_input);
            output += 1 << rank;
          }
        }
      }
    }
    for (int output = 0; output < tile_outputs; output++)
      for (int i = 0; i < pairs; i++) {
        vec total = load(sums + output * sum_output + (int64_t)i * LANES);
        for (int part = VL; part < LANES; part += VL)
          total += load(sums + output * sum_output + (int64_t)i * LANES + part);
        float *to = dw + (int64_t)output * channels * window + i;
        *to = block == 0 ? lane_sum(total) : *to + lane_sum(total);
      }
  }
  if (a->mask < 0) return;
  const float *mask = at(base, a->mask) + first;
  int32_t every = *ints_at(base, a->every), kept = 0;
  for (int output = 0; output < tile_outputs; output++)
    for (int64_t i = (int64_t)output * channels * window; i < (int64_t)output * channels * window + pairs; i++) {
      if (mask[i] != 0) kept++;
      else if (!every) dw[i] = 0;
    }
  if (a->counts >= 0) ints_at(base, a->counts)[item] = kept;
}
