/*
 * Convolution and its weight gradient with the weights that are not pruned only.
 *
 * Both give the dense kernels' sums (conv.c) to the bit: they add the same products in the same order and leave out those
 * with a weight of 0, which change no sum of finite numbers (both kernels store s + 0, so that −0 tells nobody which one
 * ran). So it may be chosen by the clock which of them runs. What is not pruned is looked up in the weights or in the mask themselves,
 * every time: there is no index that could be out of date, and a look costs little beside the work.
 *
 * conv_sparse. An item is `tile` outputs of some blocks. Of each of these outputs the weights that are not 0 are listed by
 * channel and tap; for each class of pixels the list is reduced to the taps valid there, as distances in x. Then SP_NP
 * pixels stay in registers while the list passes by.
 *
 * args: x, y, w (lines), offset in w (floats), bias (−1: none), table, scratch (lines), scratch lines per thread, counts (line),
 *       channels (per group), outputs (per group), groups, window, tile
 *       x channel, block, group stride, y channel, block, group stride   lines
 *       blocks, blocks per item
 *       w group, output, channel stride (floats), 1 where taps are taken from the last on
 * counts: of each tile the weights that are not 0.
 */
enum {
  SP_X, SP_Y, SP_W, SP_W_OFFSET, SP_BIAS, SP_TABLE, SP_SCRATCH, SP_SCRATCH_LINES, SP_COUNTS, SP_CHANNELS, SP_OUTPUTS,
  SP_GROUPS, SP_WINDOW, SP_TILE, SP_XC, SP_XB, SP_XG, SP_YC, SP_YB, SP_YG, SP_BLOCKS, SP_BLOCKS_PER_ITEM, SP_WG, SP_WO,
  SP_WC, SP_BACKWARDS
};

/* A weight as it stands in w: lines from channel 0 of x to its channel, its tap, its value. */
typedef struct { int32_t channel, tap; float value; } sparse_weight;
/* The same for one class of pixels: lines from a pixel's source. */
typedef struct { int32_t distance; float value; } sparse_term;

#define SP_NOWHERE (-0x7fffffff - 1)

/* Bit i says whether p[i] is not 0, for n ≤ 16 numbers. */
#if defined(__AVX512F__)
#include <immintrin.h>
INLINE uint32_t nonzeros(const float *p, int n) {
  __mmask16 all = (__mmask16)((1u << n) - 1);
  return _mm512_mask_cmp_ps_mask(all, _mm512_maskz_loadu_ps(all, p), _mm512_setzero_ps(), _CMP_NEQ_UQ);
}
#else
INLINE uint32_t nonzeros(const float *p, int n) {
  uint32_t bits = 0;
  if (n == LANES) {
    ivec any = (ivec){0};
    for (int i = 0; i < LANES; i += VL) any |= *(const vecu *)(p + i) != splat(0);
    int32_t found = 0;
    for (int i = 0; i < VL; i++) found |= any[i];
    if (!found) return 0;
  }
  for (int i = 0; i < n; i++) bits |= (uint32_t)(p[i] != 0) << i;
  return bits;
}
#endif

/* Lists the weights of `outputs` outputs, each from `list + o · room` on, in the order of channels and then of taps. */
static void sparse_list(const int32_t *a, const float *w, int outputs, int64_t room, sparse_weight *list, int32_t *found) {
  int channels = a[SP_CHANNELS], window = a[SP_WINDOW], backwards = a[SP_BACKWARDS], xc = a[SP_XC];
  int64_t wo = a[SP_WO], wc = a[SP_WC];
  for (int o = 0; o < outputs; o++) found[o] = 0;
  if (wc == window && (!backwards || window == 1))
    for (int o = 0; o < outputs; o++) {
      const float *row = w + o * wo;
      sparse_weight *to = list + o * room;
      for (int i = 0, n = channels * window; i < n; i += LANES)
        for (uint32_t bits = nonzeros(row + i, min_int(LANES, n - i)); bits; bits &= bits - 1) {
          uint32_t at = i + __builtin_ctz(bits), c = at / (uint32_t)window;
          *to++ = (sparse_weight){(int32_t)c * xc, at - c * window, row[at]};
        }
      found[o] = to - (list + o * room);
    }
  else if (wo == window && (backwards || window == 1))
    for (int c = 0; c < channels; c++) {
      const float *row = w + c * wc;
      for (int n = outputs * window, i = (n - 1) / LANES * LANES; i >= 0; i -= LANES)
        for (uint32_t bits = nonzeros(row + i, min_int(LANES, n - i)); bits;) {
          uint32_t bit = 31 - __builtin_clz(bits), at = i + bit, o = at / (uint32_t)window;
          bits ^= 1u << bit;
          list[o * room + found[o]++] = (sparse_weight){c * xc, at - o * window, row[at]};
        }
    }
  else
    for (int o = 0; o < outputs; o++)
      for (int c = 0; c < channels; c++)
        for (int k = 0; k < window; k++) {
          int tap = backwards ? window - 1 - k : k;
          float value = w[o * wo + c * wc + tap];
          if (value != 0) list[o * room + found[o]++] = (sparse_weight){c * xc, tap, value};
        }
}

/* The register tile: SP_NP pixels of SP_NV parts. */
#if VL == 16
#define SP_NP 8
#define SP_NV 1
#elif VL == 8
#define SP_NP 6
#define SP_NV 2
#elif defined(__aarch64__)
#define SP_NP 6
#define SP_NV 4
#else
#define SP_NP 3
#define SP_NV 4
#endif

/* NP pixels, all outputs. `close`: the pixels lie side by side, in x and in y. */
INLINE void sparse_pixels(const float *x, float *y, int64_t yc, const int32_t *pixels, const sparse_term *terms,
                          const int32_t *ends, int outputs, const float *bias, const int NP, const int NV, int part,
                          const int close) {
  const float *px[SP_NP];
  float *py[SP_NP];
#pragma GCC unroll 8
  for (int p = 0; p < NP; p++) {
    px[p] = close && p ? px[0] + p * LANES : x + (int64_t)pixels[2 * p] * LANES + part * VL;
    py[p] = close && p ? py[0] + p * LANES : y + (int64_t)pixels[2 * p + 1] * LANES + part * VL;
  }
  const sparse_term *term = terms;
  for (int o = 0; o < outputs; o++) {
    vec acc[SP_NP * SP_NV];
#pragma GCC unroll 32
    for (int v = 0; v < NP * NV; v++) acc[v] = splat(bias ? bias[o] : 0);
    for (const sparse_term *end = terms + ends[o]; term < end; term++) {
      int64_t distance = (int64_t)term->distance * LANES;
      float value = term->value;
#pragma GCC unroll 32
      for (int v = 0; v < NP * NV; v++) acc[v] += load(px[v / NV] + distance + v % NV * VL) * value;
    }
#pragma GCC unroll 32
    for (int v = 0; v < NP * NV; v++) store(py[v / NV] + o * yc + v % NV * VL, acc[v] + splat(0));
  }
}

static void sparse_run(const float *x, float *y, int64_t yc, const int32_t *pixels, int count, const sparse_term *terms,
                       const int32_t *ends, int outputs, const float *bias) {
  int p = 0;
  for (; p + SP_NP <= count; p += SP_NP) {
    const int32_t *here = pixels + 2 * p;
    int close = 1;
    for (int i = 1; i < SP_NP; i++) close &= here[2 * i] == here[0] + i && here[2 * i + 1] == here[1] + i;
    for (int part = 0; part < PARTS; part += SP_NV)
      if (close) sparse_pixels(x, y, yc, here, terms, ends, outputs, bias, SP_NP, SP_NV, part, 1);
      else sparse_pixels(x, y, yc, here, terms, ends, outputs, bias, SP_NP, SP_NV, part, 0);
  }
  for (; p + 4 <= count && SP_NP > 4; p += 4)
    for (int part = 0; part < PARTS; part += SP_NV)
      sparse_pixels(x, y, yc, pixels + 2 * p, terms, ends, outputs, bias, 4, SP_NV, part, 0);
  for (; p < count; p++)
    for (int part = 0; part < PARTS; part += SP_NV)
      sparse_pixels(x, y, yc, pixels + 2 * p, terms, ends, outputs, bias, 1, SP_NV, part, 0);
}

static void conv_sparse(const int32_t *a, char *base, int item, int thread) {
  int channels = a[SP_CHANNELS], outputs = a[SP_OUTPUTS], window = a[SP_WINDOW], tile = a[SP_TILE];
  int tiles = (outputs + tile - 1) / tile;
  int which = item % tiles, group = item / tiles % a[SP_GROUPS], some = item / tiles / a[SP_GROUPS];
  int block = some * a[SP_BLOCKS_PER_ITEM], blocks = min_int(a[SP_BLOCKS_PER_ITEM], a[SP_BLOCKS] - block);
  int from = which * tile, count = min_int(tile, outputs - from);
  int64_t room = (int64_t)channels * window, yc = (int64_t)a[SP_YC] * LANES;
  const int32_t *table = ints_at(base, a[SP_TABLE]);
  const float *x = at(base, a[SP_X]) + ((int64_t)block * a[SP_XB] + (int64_t)group * a[SP_XG]) * LANES;
  float *y = at(base, a[SP_Y]) + ((int64_t)block * a[SP_YB] + (int64_t)group * a[SP_YG]) * LANES + from * yc;
  const float *w = at(base, a[SP_W]) + a[SP_W_OFFSET] + (int64_t)group * a[SP_WG] + (int64_t)from * a[SP_WO];
  const float *bias = a[SP_BIAS] < 0 ? 0 : at(base, a[SP_BIAS]) + (int64_t)group * outputs + from;

  int32_t *found = ints_at(base, a[SP_SCRATCH]) + (int64_t)thread * a[SP_SCRATCH_LINES] * LANES;
  int32_t *ends = found + tile, *distance = ends + tile;
  sparse_weight *list = (sparse_weight *)(distance + window);
  sparse_term *terms = (sparse_term *)(list + tile * room);
  sparse_list(a, w, count, room, list, found);
  if (some == 0) {
    int32_t total = 0;
    for (int o = 0; o < count; o++) total += found[o];
    ints_at(base, a[SP_COUNTS])[group * tiles + which] = total;
  }
  for (int k = 0; k < table[0]; k++) {
    const int32_t *entry = table + 1 + 4 * k, *taps = table + entry[1];
    for (int i = 0; i < window; i++) distance[i] = SP_NOWHERE;
    for (int i = 0; i < entry[0]; i++) distance[taps[2 * i + 1]] = taps[2 * i];
    int32_t n = 0;
    for (int o = 0; o < count; o++) {
      const sparse_weight *weight = list + o * room;
      for (int i = 0; i < found[o]; i++) {
        int32_t step = distance[weight[i].tap];
        terms[n] = (sparse_term){weight[i].channel + step, weight[i].value};
        n += step != SP_NOWHERE;
      }
      ends[o] = n;
    }
    sparse_run(x, y, yc, table + entry[3], entry[2] / a[SP_BLOCKS_PER_ITEM] * blocks, terms, ends, count, bias);
  }
}

/*
 * conv_weight_sparse: of the weight gradient what the mask keeps; the rest is 0. Item: a run of channels and one part of the
 * blocks (`blocks per part`, the parts of conv_weight), all outputs. Where there are several parts, each leaves its sums in
 * `parts`, [part][o][c][k], and sum_parts adds them; with one, it is dw itself. Up to SW_TILE weights of one output pass
 * over a stretch of pixels together, so that dy is read once for them all.
 *
 * args: x, dy, parts, mask, table, scratch (lines), scratch lines per thread, counts (line), channels, outputs (per group),
 *       groups, window, x channel/block/group stride, dy channel/block/group stride, blocks, blocks per part, parts, run, runs,
 *       room (most weights at once)
 * counts: of each run of channels of a group the weights kept.
 */
enum {
  SW_X, SW_DY, SW_PARTS, SW_MASK, SW_TABLE, SW_SCRATCH, SW_SCRATCH_LINES, SW_COUNTS, SW_CHANNELS, SW_OUTPUTS, SW_GROUPS,
  SW_WINDOW, SW_XC, SW_XB, SW_XG, SW_YC, SW_YB, SW_YG, SW_BLOCKS, SW_BLOCKS_PER_PART, SW_NUMBER, SW_RUN, SW_RUNS, SW_ROOM
};
#if VL == 16
#define SW_TILE 8
#else
#define SW_TILE 6
#endif

/* A kept weight: lines from the first channel of x to its own, and its tap; later lines from a pixel's source, and its place. */
typedef struct { int32_t channel, tap; } sparse_kept;
typedef struct { int32_t distance, place; } sparse_sum;

INLINE void sparse_dots(const float *x, const float *dy, const int32_t *pixels, int count, const sparse_sum *sums, float *to,
                        const int MT) {
  for (int part = 0; part < LANES; part += VL) {
    const float *xs[SW_TILE];
    vec acc[SW_TILE];
#pragma GCC unroll 8
    for (int t = 0; t < MT; t++) xs[t] = x + (int64_t)sums[t].distance * LANES + part, acc[t] = splat(0);
    for (int p = 0; p < count; p++) {
      int64_t in = (int64_t)pixels[2 * p] * LANES, out = (int64_t)pixels[2 * p + 1] * LANES + part;
      vec d = load(dy + out);
      PIN(d);
#pragma GCC unroll 8
      for (int t = 0; t < MT; t++) acc[t] += d * load(xs[t] + in);
    }
#pragma GCC unroll 8
    for (int t = 0; t < MT; t++) {
      float *sum = to + (int64_t)sums[t].place * LANES + part;
      store(sum, load(sum) + acc[t]);
    }
  }
}

typedef void sparse_dots_fn(const float *x, const float *dy, const int32_t *pixels, int count, const sparse_sum *sums, float *to);
#define DOTS(MT)                                                                                                       \
  static void sparse_dots_##MT(const float *x, const float *dy, const int32_t *pixels, int count, const sparse_sum *sums, \
                               float *to) {                                                                            \
    sparse_dots(x, dy, pixels, count, sums, to, MT);                                                                   \
  }
DOTS(1) DOTS(2) DOTS(3) DOTS(4) DOTS(5) DOTS(6)
#if SW_TILE == 8
DOTS(7) DOTS(8)
#endif
static sparse_dots_fn *const sparse_dots_of[] = {
    0, sparse_dots_1, sparse_dots_2, sparse_dots_3, sparse_dots_4, sparse_dots_5, sparse_dots_6,
#if SW_TILE == 8
    sparse_dots_7, sparse_dots_8,
#endif
};

static void conv_weight_sparse(const int32_t *a, char *base, int item, int thread) {
  int channels = a[SW_CHANNELS], outputs = a[SW_OUTPUTS], window = a[SW_WINDOW], room = a[SW_ROOM];
  int run = item % a[SW_RUNS], group = item / a[SW_RUNS] % a[SW_GROUPS], number = item / a[SW_RUNS] / a[SW_GROUPS];
  int from = run * a[SW_RUN], width = (min_int(channels, from + a[SW_RUN]) - from) * window;
  int block = number * a[SW_BLOCKS_PER_PART], blocks = min_int(a[SW_BLOCKS_PER_PART], a[SW_BLOCKS] - block);
  int64_t xc = a[SW_XC], yc = (int64_t)a[SW_YC] * LANES, row = (int64_t)channels * window;
  const int32_t *table = ints_at(base, a[SW_TABLE]);
  const float *x = at(base, a[SW_X]) + ((int64_t)block * a[SW_XB] + (int64_t)group * a[SW_XG] + from * xc) * LANES;
  const float *dy = at(base, a[SW_DY]) + ((int64_t)block * a[SW_YB] + (int64_t)group * a[SW_YG]) * LANES;
  int64_t first = (int64_t)group * outputs * row + (int64_t)from * window;
  const float *mask = at(base, a[SW_MASK]) + first;
  float *dw = at(base, a[SW_PARTS]) + (int64_t)number * a[SW_GROUPS] * outputs * row + first;

  float *sums = at(base, a[SW_SCRATCH]) + (int64_t)thread * a[SW_SCRATCH_LINES] * LANES;
  sparse_kept *kept = (sparse_kept *)(sums + (int64_t)room * LANES);
  sparse_sum *here = (sparse_sum *)(kept + room);
  int32_t *ends = (int32_t *)(here + room), *reach = ends + outputs, *distance = reach + outputs, total = 0;
  for (int o = 0; o < outputs;) {
    /* As many outputs as there is room for. */
    int start = o;
    int32_t n = 0;
    for (; o < outputs && n + width <= room; o++) {
      for (int i = 0; i < width; i += LANES)
        for (uint32_t bits = nonzeros(mask + o * row + i, min_int(LANES, width - i)); bits; bits &= bits - 1) {
          uint32_t at = i + __builtin_ctz(bits), c = at / (uint32_t)window;
          kept[n++] = (sparse_kept){c * xc, at - c * window};
        }
      ends[o] = n;
    }
    total += n;
    for (int64_t i = 0; i < (int64_t)n * LANES; i += VL) store(sums + i, splat(0));
    for (int k = 0; k < table[0]; k++) {
      const int32_t *entry = table + 1 + 4 * k, *taps = table + entry[1];
      int count = entry[2] / a[SW_BLOCKS_PER_PART] * blocks;
      for (int i = 0; i < window; i++) distance[i] = SP_NOWHERE;
      for (int i = 0; i < entry[0]; i++) distance[taps[2 * i + 1]] = taps[2 * i];
      int32_t m = 0;
      for (int32_t i = 0, u = start; u < o; u++) {
        for (; i < ends[u]; i++) {
          int32_t step = distance[kept[i].tap];
          here[m] = (sparse_sum){kept[i].channel + step, i};
          m += step != SP_NOWHERE;
        }
        reach[u] = m;
      }
      for (int p = 0; p < count; p += CW_STRETCH) {
        const int32_t *pixels = table + entry[3] + 2 * p;
        int stretch = min_int(CW_STRETCH, count - p);
        for (int32_t i = 0, u = start; u < o; u++)
          for (; i < reach[u]; i += min_int(SW_TILE, reach[u] - i))
            sparse_dots_of[min_int(SW_TILE, reach[u] - i)](x, dy + u * yc, pixels, stretch, here + i, sums);
      }
    }
    for (int32_t i = 0, u = start; u < o; u++) {
      float *to = dw + u * row;
      for (int k = 0; k < width; k++) to[k] = 0;
      for (; i < ends[u]; i++) {
        vec sum = load(sums + (int64_t)i * LANES);
        for (int part = VL; part < LANES; part += VL) sum += load(sums + (int64_t)i * LANES + part);
        to[kept[i].channel / xc * window + kept[i].tap] = lane_sum(sum);
      }
    }
  }
  if (number == 0) ints_at(base, a[SW_COUNTS])[group * a[SW_RUNS] + run] = total;
}

/* dw = Σ parts, in their order. args: dw, parts (lines), parts, elements. Item k does the k-th run of FILL_RUN. */
static void sum_parts(const int32_t *a, char *base, int item, int thread) {
  (void)thread;
  float *to = at(base, a[0]);
  const float *part = at(base, a[1]);
  int64_t from = (int64_t)item * FILL_RUN, to_end = from + FILL_RUN < a[3] ? from + FILL_RUN : a[3];
  for (int64_t i = from; i < to_end; i++) {
    float sum = part[i];
    for (int p = 1; p < a[2]; p++) sum += part[(int64_t)p * a[3] + i];
    to[i] = sum;
  }
}
