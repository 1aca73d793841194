/*
 * Inference of one sample: lanes run along the image plane.
 *
 * A channel is a *plane*: its rows one after another, `pitch` floats each, of which the last few are 0, so that they serve as
 * the right border of one row and the left border of the next; and zeros before the first row and behind the last. Then each
 * tap of a convolution of stride 1 is one constant distance, and the whole plane one run of floats:
 *
 *     y[o][p] = bias[o] + Σ value · x[p + distance]        for all p of the run, over the weights that are not 0
 *
 * What is computed for the borders between rows is nonsense and stored as 0 (`mask`: −1 where a pixel is, 0 elsewhere). A
 * stride is done away with before (plane_phases): pixels whose row and column leave the same remainders are a plane each.
 *
 * A *tile* is a few vectors side by side, an *item* a *cut*: a range of tiles and a range of outputs. After its last tile, zeros follow
 * up to the next plane.
 *
 * y = clip(sum + residual[residual offset of o + p], low, high); a residual offset of −1 means none.
 */
#include "base.h"

typedef struct {
  int32_t distance;
  float value;
} plane_term;

/* A few vectors side by side: where in the run of x and of y, and how many; of points, rows · 16 + columns. */
typedef struct {
  int32_t from, to, size;
} plane_tile;

/* An item: a range of tiles and a range of outputs, or of blocks of outputs. */
typedef struct {
  int32_t first_tile, end_tile, first, end;
} plane_cut;

/* Outputs and vectors of a dense tile; pixels of one of points, at most. */
#if VL == 16
#define PLANE_MR 8
#define PLANE_NV 3
#define PLANE_POINTS 16
#else
#define PLANE_MR 4
#define PLANE_NV 3
#define PLANE_POINTS 8
#endif

INLINE vec load_loose(const float *p) { return *(const vecu *)p; }

/*
 * Residual, activation, mask: NaN stays NaN. Whether there is a residual or a mask is told apart from where: memory may begin
 * at address 0, and compilers take whatever is computed from a null pointer for null.
 */
INLINE void plane_store(float *y, vec sum, int adds, const float *residual, int masks, const int32_t *mask, float low,
                        float high) {
  if (adds) sum += load_loose(residual);
  sum = choose(sum < splat(low), splat(low), sum);
  sum = choose(sum > splat(high), splat(high), sum);
  if (masks) sum = (vec)((ivec)sum & (ivec) * (const ivecu *)mask);
  *(vecu *)y = sum;
}

/* What surrounds the planes of outputs from … end−1, `channel` floats apart, and what is before the first. */
static void plane_margins(float *y, int channel, int run, int margin, int from, int end) {
  if (from == 0)
    for (int i = 0; i < margin; i++) y[i - margin] = 0;
  for (int o = from; o < end; o++)
    for (int i = run; i < channel; i++) y[(int64_t)o * channel + i] = 0;
}
#define PLANE_MARGINS(from, end) plane_margins(at(base, a->y), a->y_channel, a->run, a->margin, from, end)

INLINE void plane_sparse_tile(const plane_sparse_arguments *a, char *base, const plane_tile *tile, int first, int end,
                              const int NV) {
  const float *x = at(base, a->x) + tile->from;
  float *y = at(base, a->y) + tile->to;
  const float *bias = at(base, a->bias);
  const float *residual = at(base, a->residual) + tile->to;
  const int32_t *offsets = ints_at(base, a->residual_offsets);
  const int32_t *starts = ints_at(base, a->starts);
  int masks = a->mask >= 0, adds = a->residual >= 0;
  const int32_t *mask = ints_at(base, a->mask) + tile->to;
  const plane_term *terms = (const plane_term *)at(base, a->terms);
  float low = a->low, high = a->high;
  int64_t channel = a->y_channel;
  /* Narrow tiles take several terms at a time, each with sums of its own, lest each addition wait for the one before. */
  const int WAYS = NV == 1 ? 8 : NV == 2 ? 4 : NV == 3 ? 2 : 1;
  for (int output = first; output < end; output++) {
    vec sums[PLANE_TILE];
#pragma GCC unroll 12
    for (int vector = 0; vector < NV; vector++) sums[vector] = splat(bias[output]);
    const plane_term *term = terms + starts[output], *last = terms + starts[output + 1];
    if (WAYS > 1 && last - term >= WAYS) {
      vec ways[PLANE_TILE];
#pragma GCC unroll 12
      for (int i = 0; i < WAYS * NV; i++) ways[i] = splat(0);
      for (; last - term >= WAYS; term += WAYS)
#pragma GCC unroll 12
        for (int i = 0; i < WAYS * NV; i++)
          ways[i] += load_loose(x + term[i / NV].distance + i % NV * VL) * term[i / NV].value;
#pragma GCC unroll 12
      for (int i = 0; i < WAYS * NV; i++) sums[i % NV] += ways[i];
    }
    for (; term < last; term++) {
      const float *from = x + term->distance;
      float value = term->value;
#pragma GCC unroll 12
      for (int vector = 0; vector < NV; vector++) sums[vector] += load_loose(from + vector * VL) * value;
    }
    int32_t offset = adds ? offsets[output] : -1;
    float *to = y + output * channel;
#pragma GCC unroll 12
    for (int vector = 0; vector < NV; vector++)
      plane_store(to + vector * VL, sums[vector], offset >= 0, residual + offset + vector * VL, masks,
                  mask + vector * VL, low, high);
  }
}

KERNEL(plane_sparse) {
  const plane_cut *cut = (const plane_cut *)at(base, a->cuts) + item;
  const plane_tile *tiles = (const plane_tile *)at(base, a->tiles);
  for (int t = cut->first_tile; t < cut->end_tile; t++) {
    const plane_tile *tile = tiles + t;
    switch (tile->size) {
#define TILE(n) \
  case n: plane_sparse_tile(a, base, tile, cut->first, cut->end, n); break
      TILE(1);
      TILE(2);
      TILE(3);
      TILE(4);
      TILE(5);
      TILE(6);
      TILE(7);
      TILE(8);
      TILE(9);
      TILE(10);
      TILE(11);
      TILE(12);
#undef TILE
    }
  }
  if (cut->end_tile == a->tile_count) PLANE_MARGINS(cut->first, cut->end);
}

/* MR outputs of one group; weights [tap][MR]. The last block of a group may have fewer outputs to store. */
INLINE void plane_dense_tile(const plane_dense_arguments *a, char *base, const plane_tile *tile, int first, int outputs,
                             const float *weights, const int32_t *distances, const int NV) {
  const float *x = at(base, a->x) + tile->from;
  vec sums[PLANE_MR * PLANE_NV];
  int taps = a->taps;
#pragma GCC unroll 24
  for (int i = 0; i < PLANE_MR * NV; i++) sums[i] = splat(0);
  for (int tap = 0; tap < taps; tap++) {
    const float *from = x + distances[tap], *tap_weights = weights + tap * PLANE_MR;
    vec pixels[PLANE_NV];
#pragma GCC unroll 3
    for (int vector = 0; vector < NV; vector++) {
      pixels[vector] = load_loose(from + vector * VL);
      PIN(pixels[vector]);
    }
#pragma GCC unroll 8
    for (int row = 0; row < PLANE_MR; row++)
#pragma GCC unroll 3
      for (int vector = 0; vector < NV; vector++) sums[row * NV + vector] += pixels[vector] * tap_weights[row];
  }
  int masks = a->mask >= 0;
  const int32_t *mask = ints_at(base, a->mask) + tile->to;
  float low = a->low, high = a->high;
#pragma GCC unroll 8
  for (int row = 0; row < PLANE_MR; row++) {
    if (row >= outputs) break;
    int output = first + row;
    float bias = at(base, a->bias)[output], *y = at(base, a->y) + (int64_t)output * a->y_channel + tile->to;
    int32_t offset = a->residual < 0 ? -1 : ints_at(base, a->residual_offsets)[output];
    const float *added = at(base, a->residual) + offset + tile->to;
#pragma GCC unroll 3
    for (int vector = 0; vector < NV; vector++)
      plane_store(y + vector * VL, sums[row * NV + vector] + splat(bias), offset >= 0, added + vector * VL, masks,
                  mask + vector * VL, low, high);
  }
}

/* The ranges of items count blocks of outputs here. */
KERNEL(plane_dense) {
  const plane_cut *cut = (const plane_cut *)at(base, a->cuts) + item;
  const plane_tile *tiles = (const plane_tile *)at(base, a->tiles);
  int taps = a->taps, per_group = a->group, blocks = a->blocks;
  for (int block = cut->first; block < cut->end; block++) {
    int group = block / blocks, inner = block % blocks * PLANE_MR, first = group * per_group + inner;
    int outputs = min_int(PLANE_MR, per_group - inner);
    const float *weights = at(base, a->weights) + (int64_t)block * taps * PLANE_MR;
    const int32_t *distances = ints_at(base, a->distances) + group * taps;
    for (int number = cut->first_tile; number < cut->end_tile; number++) {
      const plane_tile *tile = tiles + number;
      switch (tile->size) {
#define TILE(n) \
  case n: plane_dense_tile(a, base, tile, first, outputs, weights, distances, n); break
        TILE(1);
        TILE(2);
        TILE(3);
#undef TILE
      }
    }
    if (cut->end_tile == a->tile_count) PLANE_MARGINS(first, first + outputs);
  }
}

/*
 * Small images leave most of a run to its borders. Then lanes run along VL outputs instead, and a tile is a few pixels, rows ×
 * columns of them, each with a sum of its own: weights [block][tap][VL], pixels one at a time. Of one group only.
 * All that is no pixel is set to 0 before, so a mask is not needed.
 */
INLINE void plane_points_tile(const plane_points_arguments *a, char *base, const plane_tile *tile, int first,
                              int outputs, const float *weights, const int ROWS, const int COLUMNS) {
  const float *x = at(base, a->x) + tile->from;
  const int32_t *distances = ints_at(base, a->distances);
  int x_row = a->x_row, y_row = a->y_row, taps = a->taps;
  int64_t channel = a->y_channel;
  vec sums[PLANE_POINTS];
#pragma GCC unroll 16
  for (int i = 0; i < ROWS * COLUMNS; i++) sums[i] = splat(0);
  for (int tap = 0; tap < taps; tap++) {
    const float *from = x + distances[tap];
    vec tap_weights = load(weights + tap * VL);
    PIN(tap_weights);
#pragma GCC unroll 4
    for (int row = 0; row < ROWS; row++)
#pragma GCC unroll 8
      for (int column = 0; column < COLUMNS; column++)
        sums[row * COLUMNS + column] += tap_weights * from[row * x_row + column];
  }
  vec bias = load(at(base, a->bias) + first);
  vec low = splat(a->low), high = splat(a->high);
  float *y = at(base, a->y) + first * channel + tile->to;
  const float *residual = at(base, a->residual) + tile->to;
  const int32_t *offsets = ints_at(base, a->residual_offsets) + first;
  int adds = a->residual >= 0;
#pragma GCC unroll 16
  for (int i = 0; i < ROWS * COLUMNS; i++) {
    int to = i / COLUMNS * y_row + i % COLUMNS;
    vec sum = sums[i] + bias;
    if (adds)
      for (int which = 0; which < outputs; which++)
        if (offsets[which] >= 0) sum[which] += residual[offsets[which] + to];
    sum = choose(sum < low, low, sum);
    sum = choose(sum > high, high, sum);
    for (int which = 0; which < outputs; which++) y[which * channel + to] = sum[which];
  }
}

KERNEL(plane_points) {
  const plane_cut *cut = (const plane_cut *)at(base, a->cuts) + item;
  const plane_tile *tiles = (const plane_tile *)at(base, a->tiles);
  for (int block = cut->first; block < cut->end; block++) {
    int first = block * VL, outputs = min_int(VL, a->outputs - first);
    const float *weights = at(base, a->weights) + (int64_t)block * a->taps * VL;
    for (int output = first; output < first + outputs; output++) {
      float *y = at(base, a->y) + (int64_t)output * a->y_channel;
      for (int i = 0, run = a->run; i < run; i++) y[i] = 0;
    }
    PLANE_MARGINS(first, first + outputs);
    for (int number = cut->first_tile; number < cut->end_tile; number++) {
      const plane_tile *tile = tiles + number;
      switch (tile->size) {
#define TILE(r, c) \
  case r * 16 + c: plane_points_tile(a, base, tile, first, outputs, weights, r, c); break
        TILE(1, 1);
        TILE(2, 1);
        TILE(4, 1);
        TILE(1, 2);
        TILE(2, 2);
        TILE(4, 2);
        TILE(1, 4);
        TILE(2, 4);
        TILE(1, 8);
#if VL == 16
        TILE(4, 4);
        TILE(2, 8);
        TILE(1, 7);
        TILE(2, 7);
#endif
#undef TILE
      }
    }
  }
}

/*
 * Cuts each channel into sy · sx planes: pixel (sy·i + r, sx·j + q) goes to row i, column j of plane r·sx + q. An item is a
 * channel. Also with strides of 1: a copy from any rows into planes. What is no pixel becomes `fill`.
 */

/* The even elements of two registers side by side, and the odd ones. */
#if VL == 16
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#elif VL == 8
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14
#define ODD 1, 3, 5, 7, 9, 11, 13, 15
#else
#define EVEN 0, 2, 4, 6
#define ODD 1, 3, 5, 7
#endif

typedef float few __attribute__((vector_size(16), aligned(4)));

/* Every second pixel of a row to one row, the others to another; how many went to each. */
INLINE int part_pairs(const float *RESTRICT row, int width, float *RESTRICT even, float *RESTRICT odd) {
  int j = 0;
  for (; 2 * (j + VL) <= width; j += VL) {
    vec a = load_loose(row + 2 * j), b = load_loose(row + 2 * j + VL);
    *(vecu *)(even + j) = __builtin_shufflevector(a, b, EVEN);
    *(vecu *)(odd + j) = __builtin_shufflevector(a, b, ODD);
  }
  for (; 2 * (j + 4) <= width; j += 4) {
    few a = *(const few *)(row + 2 * j), b = *(const few *)(row + 2 * j + 4);
    *(few *)(even + j) = __builtin_shufflevector(a, b, 0, 2, 4, 6);
    *(few *)(odd + j) = __builtin_shufflevector(a, b, 1, 3, 5, 7);
  }
  for (; 2 * j + 1 < width; j++) {
    even[j] = row[2 * j];
    odd[j] = row[2 * j + 1];
  }
  return j;
}

KERNEL(plane_phases) {
  int sy = a->sy, sx = a->sx, phases = sy * sx, pitch = a->y_row, margin = a->margin, rows = a->rows, run = a->run;
  int64_t plane = a->y_plane;
  float fill = a->fill;
  const float *x = at(base, a->x) + a->x_offset + (int64_t)item * a->x_channel;
  float *y = at(base, a->y) + (int64_t)item * phases * plane;
  if (item == 0)
    for (int i = 0; i < margin; i++) y[i - margin] = fill;
  for (int row_phase = 0; row_phase < sy; row_phase++)
    for (int row = 0; row < rows; row++) {
      int from = row * sy + row_phase, width = from < a->height ? a->width : 0;
      const float *RESTRICT source = x + (int64_t)from * a->x_row;
      float *RESTRICT target = y + row_phase * sx * plane + row * pitch;
      int column = 0;
      if (sx == 2) column = part_pairs(source, width, target, target + plane);
      else if (sx == 1)
        for (; column < width; column++) target[column] = source[column];
      for (; column < pitch; column++)
        for (int column_phase = 0; column_phase < sx; column_phase++)
          target[column_phase * plane + column] =
              column * sx + column_phase < width ? source[column * sx + column_phase] : fill;
    }
  for (int phase = 0; phase < phases; phase++)
    for (int i = rows * pitch; i < run + margin; i++) y[phase * plane + i] = fill;
}

/* y[p] = max over taps of x[p + distance], for max pooling; channels are outputs. */
KERNEL(plane_max) {
  const plane_cut *cut = (const plane_cut *)at(base, a->cuts) + item;
  const plane_tile *tiles = (const plane_tile *)at(base, a->tiles);
  const int32_t *distances = ints_at(base, a->distances);
  const float low = -__builtin_inff(), high = __builtin_inff();
  int taps = a->taps, masks = a->mask >= 0;
  for (int channel = cut->first; channel < cut->end; channel++)
    for (int number = cut->first_tile; number < cut->end_tile; number++) {
      const plane_tile *tile = tiles + number;
      for (int vector = 0; vector < tile->size; vector++) {
        const float *x = at(base, a->x) + (int64_t)channel * a->x_channel + tile->from + vector * VL;
        vec best = load_loose(x + distances[0]);
        for (int tap = 1; tap < taps; tap++) {
          vec other = load_loose(x + distances[tap]);
          best = choose((other > best) | (other != other), other, best);
        }
        int to = tile->to + vector * VL;
        plane_store(at(base, a->y) + (int64_t)channel * a->y_channel + to, best, 0, 0, masks,
                    ints_at(base, a->mask) + to, low, high);
      }
    }
  if (cut->end_tile == a->tile_count) PLANE_MARGINS(cut->first, cut->end);
}

/*
 * A linear layer on one sample: y[o] = clip(bias[o] + Σ w[o][c]·x[c], low, high), lanes along c. An item is LINEAR_ROWS outputs.
 */
KERNEL(linear) {
  const float *x = at(base, a->x) + a->x_offset, *bias = at(base, a->bias);
  float *y = at(base, a->y), low = a->low, high = a->high;
  int inputs = a->inputs;
  for (int output = item * LINEAR_ROWS; output < min_int(a->outputs, (item + 1) * LINEAR_ROWS); output++) {
    const float *weights = at(base, a->weights) + (int64_t)output * inputs;
    vec sum0 = splat(0), sum1 = splat(0), sum2 = splat(0), sum3 = splat(0);
    int i = 0;
    for (; i + 4 * VL <= inputs; i += 4 * VL) {
      sum0 += load_loose(x + i) * load_loose(weights + i);
      sum1 += load_loose(x + i + VL) * load_loose(weights + i + VL);
      sum2 += load_loose(x + i + 2 * VL) * load_loose(weights + i + 2 * VL);
      sum3 += load_loose(x + i + 3 * VL) * load_loose(weights + i + 3 * VL);
    }
    for (; i + VL <= inputs; i += VL) sum0 += load_loose(x + i) * load_loose(weights + i);
    float sum = lane_sum((sum0 + sum1) + (sum2 + sum3)) + bias[output];
    for (; i < inputs; i++) sum += x[i] * weights[i];
    y[output] = sum < low ? low : sum > high ? high : sum;
  }
}

/* The same with the weights that are not 0 alone. */
KERNEL(linear_sparse) {
  const float *x = at(base, a->x) + a->x_offset, *bias = at(base, a->bias);
  float *y = at(base, a->y), low = a->low, high = a->high;
  const plane_term *terms = (const plane_term *)at(base, a->terms);
  const int32_t *starts = ints_at(base, a->starts);
  for (int output = item * LINEAR_ROWS; output < min_int(a->outputs, (item + 1) * LINEAR_ROWS); output++) {
    const plane_term *term = terms + starts[output], *end = terms + starts[output + 1];
    float sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
    for (; end - term >= 4; term += 4) {
      sum0 += x[term[0].distance] * term[0].value;
      sum1 += x[term[1].distance] * term[1].value;
      sum2 += x[term[2].distance] * term[2].value;
      sum3 += x[term[3].distance] * term[3].value;
    }
    for (; term < end; term++) sum0 += x[term->distance] * term->value;
    float sum = (sum0 + sum1) + (sum2 + sum3) + bias[output];
    y[output] = sum < low ? low : sum > high ? high : sum;
  }
}

/* Of each channel factor · Σ of its run, borders being 0. An item is SUM_CHANNELS channels. */
KERNEL(plane_sum) {
  for (int channel = item * SUM_CHANNELS; channel < min_int(a->channels, (item + 1) * SUM_CHANNELS); channel++) {
    const float *x = at(base, a->x) + (int64_t)channel * a->x_channel;
    vec sums[PARTS];
    for (int part = 0; part < PARTS; part++) sums[part] = splat(0);
    for (int i = 0; i < a->run; i += LANES)
      for (int part = 0; part < PARTS; part++) sums[part] += load(x + i + part * VL);
    for (int part = 1; part < PARTS; part++) sums[0] += sums[part];
    at(base, a->y)[channel] = a->factor * lane_sum(sums[0]);
  }
}

/*
 * What `positions` (pool.c) does, for one sample: y[r][q][i] = Σ weight[k] · x[r][from[k]][i], k from start[q] to start[q + 1].
 * An item is BLEND_ROWS rows of y.
 */
KERNEL(blend) {
  const int32_t *start = ints_at(base, a->start), *from = ints_at(base, a->from);
  const float *weight = at(base, a->weight);
  int inner = a->inner, count = a->positions, end = min_int(a->rows, (item + 1) * BLEND_ROWS);
  int x_row = item * BLEND_ROWS / count, position = item * BLEND_ROWS % count;
  for (int row = item * BLEND_ROWS; row < end; row++) {
    const float *RESTRICT x = at(base, a->x) + (int64_t)x_row * a->x_row;
    float *RESTRICT y = at(base, a->y) + (int64_t)row * inner;
    int i = 0;
    if (inner == 1 && start[position + 1] == start[position] + 1) {
      *y = x[from[start[position]]] * weight[start[position]];
      i = 1;
    }
    for (; i + VL <= inner; i += VL) {
      vec sum = splat(0);
      for (int entry = start[position]; entry < start[position + 1]; entry++)
        sum += load_loose(x + from[entry] * inner + i) * weight[entry];
      *(vecu *)(y + i) = sum;
    }
    for (; i < inner; i++) {
      float sum = 0;
      for (int entry = start[position]; entry < start[position + 1]; entry++)
        sum += x[from[entry] * inner + i] * weight[entry];
      y[i] = sum;
    }
    if (++position == count) position = 0, x_row++;
  }
}
