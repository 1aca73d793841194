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
 */

/* A weight as it stands in w: lines from channel 0 of x to its channel, its tap, its value. */
typedef struct {
  int32_t channel, tap;
  float value;
} sparse_weight;
/* The same for one class of pixels: lines from a pixel's source. */
typedef struct {
  int32_t distance;
  float value;
} sparse_term;
_Static_assert(sizeof(sparse_weight) == 4 * SPARSE_WEIGHT_WORDS, "scratch is reckoned so");
_Static_assert(sizeof(sparse_term) == 4 * SPARSE_TERM_WORDS, "scratch is reckoned so");

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
static void sparse_list(const conv_sparse_arguments *a, const float *w, int outputs, int64_t room, sparse_weight *list,
                        int32_t *found) {
  int channels = a->channels, window = a->window, backwards = a->backwards, x_channel = a->x_by.channel;
  int64_t by_output = a->by.output, by_channel = a->by.channel;
  for (int output = 0; output < outputs; output++) found[output] = 0;
  if (by_channel == window && (!backwards || window == 1))
    for (int output = 0; output < outputs; output++) {
      const float *row = w + output * by_output;
      sparse_weight *to = list + output * room;
      for (int i = 0, count = channels * window; i < count; i += LANES)
        for (uint32_t bits = nonzeros(row + i, min_int(LANES, count - i)); bits; bits &= bits - 1) {
          uint32_t at = i + __builtin_ctz(bits), channel = at / (uint32_t)window;
          *to++ = (sparse_weight){(int32_t)channel * x_channel, at - channel * window, row[at]};
        }
      found[output] = to - (list + output * room);
    }
  else if (by_output == window && (backwards || window == 1))
    for (int channel = 0; channel < channels; channel++) {
      const float *row = w + channel * by_channel;
      for (int count = outputs * window, i = (count - 1) / LANES * LANES; i >= 0; i -= LANES)
        for (uint32_t bits = nonzeros(row + i, min_int(LANES, count - i)); bits;) {
          uint32_t bit = 31 - __builtin_clz(bits), at = i + bit, output = at / (uint32_t)window;
          bits ^= 1u << bit;
          list[output * room + found[output]++] = (sparse_weight){channel * x_channel, at - output * window, row[at]};
        }
    }
  else
    for (int output = 0; output < outputs; output++)
      for (int channel = 0; channel < channels; channel++)
        for (int place = 0; place < window; place++) {
          int tap = backwards ? window - 1 - place : place;
          float value = w[output * by_output + channel * by_channel + tap];
          if (value != 0) list[output * room + found[output]++] = (sparse_weight){channel * x_channel, tap, value};
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
INLINE void sparse_pixels(const float *x, float *y, int64_t y_channel, const int32_t *pixels, const sparse_term *terms,
                          const int32_t *ends, int outputs, const float *bias, const int NP, const int NV, int part,
                          const int close) {
  const float *from[SP_NP];
  float *to[SP_NP];
#pragma GCC unroll 8
  for (int pixel = 0; pixel < NP; pixel++) {
    from[pixel] = close && pixel ? from[0] + pixel * LANES : x + (int64_t)pixels[2 * pixel] * LANES + part * VL;
    to[pixel] = close && pixel ? to[0] + pixel * LANES : y + (int64_t)pixels[2 * pixel + 1] * LANES + part * VL;
  }
  const sparse_term *term = terms;
  for (int output = 0; output < outputs; output++) {
    vec sums[SP_NP * SP_NV];
#pragma GCC unroll 32
    for (int vector = 0; vector < NP * NV; vector++) sums[vector] = splat(bias ? bias[output] : 0);
    for (const sparse_term *end = terms + ends[output]; term < end; term++) {
      int64_t distance = (int64_t)term->distance * LANES;
      float value = term->value;
#pragma GCC unroll 32
      for (int vector = 0; vector < NP * NV; vector++)
        sums[vector] += load(from[vector / NV] + distance + vector % NV * VL) * value;
    }
#pragma GCC unroll 32
    for (int vector = 0; vector < NP * NV; vector++)
      store(to[vector / NV] + output * y_channel + vector % NV * VL, sums[vector] + splat(0));
  }
}

static void sparse_run(const float *x, float *y, int64_t y_channel, const int32_t *pixels, int count,
                       const sparse_term *terms, const int32_t *ends, int outputs, const float *bias) {
  int pixel = 0;
  for (; pixel + SP_NP <= count; pixel += SP_NP) {
    const int32_t *here = pixels + 2 * pixel;
    int close = 1;
    for (int i = 1; i < SP_NP; i++) close &= here[2 * i] == here[0] + i && here[2 * i + 1] == here[1] + i;
    for (int part = 0; part < PARTS; part += SP_NV)
      if (close) sparse_pixels(x, y, y_channel, here, terms, ends, outputs, bias, SP_NP, SP_NV, part, 1);
      else sparse_pixels(x, y, y_channel, here, terms, ends, outputs, bias, SP_NP, SP_NV, part, 0);
  }
  for (; pixel + 4 <= count && SP_NP > 4; pixel += 4)
    for (int part = 0; part < PARTS; part += SP_NV)
      sparse_pixels(x, y, y_channel, pixels + 2 * pixel, terms, ends, outputs, bias, 4, SP_NV, part, 0);
  for (; pixel < count; pixel++)
    for (int part = 0; part < PARTS; part += SP_NV)
      sparse_pixels(x, y, y_channel, pixels + 2 * pixel, terms, ends, outputs, bias, 1, SP_NV, part, 0);
}

KERNEL(conv_sparse) {
  int channels = a->channels, outputs = a->outputs, window = a->window, tile = a->tile;
  int tiles = ceil_div(outputs, tile);
  int which = item % tiles, group = item / tiles % a->groups, stretch_of_blocks = item / tiles / a->groups;
  int block = stretch_of_blocks * a->blocks_per_item, blocks = min_int(a->blocks_per_item, a->blocks - block);
  int from = which * tile, count = min_int(tile, outputs - from);
  int64_t room = (int64_t)channels * window, y_channel = (int64_t)a->y_by.channel * LANES;
  const int32_t *table = ints_at(base, a->table);
  const float *x = image_at(base, a->x, a->x_by, block, group);
  float *y = image_at(base, a->y, a->y_by, block, group) + from * y_channel;
  const float *weights = at(base, a->weights) + a->offset + (int64_t)group * a->by.group + (int64_t)from * a->by.output;
  const float *bias = a->bias < 0 ? 0 : at(base, a->bias) + (int64_t)group * outputs + from;

  int32_t *found = (int32_t *)scratch_at(base, a->scratch, conv_sparse_scratch(a), thread);
  int32_t *ends = found + tile, *distance = ends + tile;
  sparse_weight *list = (sparse_weight *)(distance + window);
  sparse_term *terms = (sparse_term *)(list + tile * room);
  sparse_list(a, weights, count, room, list, found);
  if (stretch_of_blocks == 0) {
    int32_t total = 0;
    for (int output = 0; output < count; output++) total += found[output];
    ints_at(base, a->counts)[group * tiles + which] = total;
  }
  for (int k = 0; k < table[0]; k++) {
    const int32_t *pixel_class = table + 1 + CLASS_WORDS * k, *taps = table + pixel_class[CLASS_FIRST_TAP];
    for (int i = 0; i < window; i++) distance[i] = SP_NOWHERE;
    for (int i = 0; i < pixel_class[CLASS_TAPS]; i++) distance[taps[2 * i + 1]] = taps[2 * i];
    int32_t listed = 0;
    for (int output = 0; output < count; output++) {
      const sparse_weight *weight = list + output * room;
      for (int i = 0; i < found[output]; i++) {
        int32_t step = distance[weight[i].tap];
        terms[listed] = (sparse_term){weight[i].channel + step, weight[i].value};
        listed += step != SP_NOWHERE;
      }
      ends[output] = listed;
    }
    sparse_run(x, y, y_channel, table + pixel_class[CLASS_FIRST_PIXEL],
               pixel_class[CLASS_PIXELS] / a->blocks_per_item * blocks, terms, ends, count, bias);
  }
}

/*
 * conv_weight_sparse: of the weight gradient what the mask keeps; the rest is 0. Item: a run of channels and one part of the
 * blocks (`blocks per part`, the parts of conv_weight), all outputs. Where there are several parts, each leaves its sums in
 * `parts`, [part][o][c][k], and sum_parts adds them; with one, it is dw itself. Up to SW_TILE weights of one output pass
 * over a stretch of pixels together, so that dy is read once for them all.
 */
#if VL == 16
#define SW_TILE 8
#else
#define SW_TILE 6
#endif

/* A kept weight: lines from the first channel of x to its own, and its tap; later lines from a pixel's source, and its place. */
typedef struct {
  int32_t channel, tap;
} sparse_kept;
typedef struct {
  int32_t distance, place;
} sparse_sum;
_Static_assert(sizeof(sparse_kept) == 4 * SPARSE_TERM_WORDS, "scratch is reckoned so");
_Static_assert(sizeof(sparse_sum) == 4 * SPARSE_TERM_WORDS, "scratch is reckoned so");

INLINE void sparse_dots(const float *x, const float *dy, const int32_t *pixels, int count, const sparse_sum *sums,
                        float *to, const int MT) {
  for (int part = 0; part < LANES; part += VL) {
    const float *inputs[SW_TILE];
    vec dots[SW_TILE];
#pragma GCC unroll 8
    for (int which = 0; which < MT; which++)
      inputs[which] = x + (int64_t)sums[which].distance * LANES + part, dots[which] = splat(0);
    for (int pixel = 0; pixel < count; pixel++) {
      int64_t in = (int64_t)pixels[2 * pixel] * LANES, out = (int64_t)pixels[2 * pixel + 1] * LANES + part;
      vec slope = load(dy + out);
      PIN(slope);
#pragma GCC unroll 8
      for (int which = 0; which < MT; which++) dots[which] += slope * load(inputs[which] + in);
    }
#pragma GCC unroll 8
    for (int which = 0; which < MT; which++) {
      float *sum = to + (int64_t)sums[which].place * LANES + part;
      store(sum, load(sum) + dots[which]);
    }
  }
}

typedef void sparse_dots_fn(const float *x, const float *dy, const int32_t *pixels, int count, const sparse_sum *sums,
                            float *to);
#define DOTS(MT)                                                                                  \
  static void sparse_dots_##MT(const float *x, const float *dy, const int32_t *pixels, int count, \
                               const sparse_sum *sums, float *to) {                               \
    sparse_dots(x, dy, pixels, count, sums, to, MT);                                              \
  }
DOTS(1)
DOTS(2)
DOTS(3)
DOTS(4)
DOTS(5)
DOTS(6)
#if SW_TILE == 8
DOTS(7)
DOTS(8)
#endif
static sparse_dots_fn *const sparse_dots_of[] = {
    0,
    sparse_dots_1,
    sparse_dots_2,
    sparse_dots_3,
    sparse_dots_4,
    sparse_dots_5,
    sparse_dots_6,
#if SW_TILE == 8
    sparse_dots_7,
    sparse_dots_8,
#endif
};

KERNEL(conv_weight_sparse) {
  int channels = a->channels, outputs = a->outputs, window = a->window, room = a->room,
      runs = ceil_div(channels, a->run);
  int run = item % runs, group = item / runs % a->groups, number = item / runs / a->groups;
  int from = run * a->run, width = (min_int(channels, from + a->run) - from) * window;
  int block = number * a->blocks_per_part, blocks = min_int(a->blocks_per_part, a->blocks - block);
  int64_t x_channel = a->x_by.channel, dy_channel = (int64_t)a->dy_by.channel * LANES, row = (int64_t)channels * window;
  const int32_t *table = ints_at(base, a->table);
  const float *x = image_at(base, a->x, a->x_by, block, group) + from * x_channel * LANES;
  const float *dy = image_at(base, a->dy, a->dy_by, block, group);
  int64_t first = (int64_t)group * outputs * row + (int64_t)from * window;
  const float *mask = at(base, a->mask) + first;
  float *dw = at(base, a->parts) + (int64_t)number * a->groups * outputs * row + first;

  float *sums = scratch_at(base, a->scratch, conv_weight_sparse_scratch(a), thread);
  sparse_kept *kept = (sparse_kept *)(sums + (int64_t)room * LANES);
  sparse_sum *here = (sparse_sum *)(kept + room);
  int32_t *ends = (int32_t *)(here + room), *reach = ends + outputs, *distance = reach + outputs, total = 0;
  for (int output = 0; output < outputs;) {
    /* As many outputs as there is room for. */
    int start = output;
    int32_t listed = 0;
    for (; output < outputs && listed + width <= room; output++) {
      for (int i = 0; i < width; i += LANES)
        for (uint32_t bits = nonzeros(mask + output * row + i, min_int(LANES, width - i)); bits; bits &= bits - 1) {
          uint32_t at = i + __builtin_ctz(bits), channel = at / (uint32_t)window;
          kept[listed++] = (sparse_kept){channel * x_channel, at - channel * window};
        }
      ends[output] = listed;
    }
    total += listed;
    for (int64_t i = 0; i < (int64_t)listed * LANES; i += VL) store(sums + i, splat(0));
    for (int k = 0; k < table[0]; k++) {
      const int32_t *pixel_class = table + 1 + CLASS_WORDS * k, *taps = table + pixel_class[CLASS_FIRST_TAP];
      int count = pixel_class[CLASS_PIXELS] / a->blocks_per_part * blocks;
      for (int i = 0; i < window; i++) distance[i] = SP_NOWHERE;
      for (int i = 0; i < pixel_class[CLASS_TAPS]; i++) distance[taps[2 * i + 1]] = taps[2 * i];
      int32_t reached = 0;
      for (int32_t i = 0, each = start; each < output; each++) {
        for (; i < ends[each]; i++) {
          int32_t step = distance[kept[i].tap];
          here[reached] = (sparse_sum){kept[i].channel + step, i};
          reached += step != SP_NOWHERE;
        }
        reach[each] = reached;
      }
      for (int pixel = 0; pixel < count; pixel += CW_STRETCH) {
        const int32_t *pixels = table + pixel_class[CLASS_FIRST_PIXEL] + 2 * pixel;
        int stretch = min_int(CW_STRETCH, count - pixel);
        for (int32_t i = 0, each = start; each < output; each++)
          for (; i < reach[each]; i += min_int(SW_TILE, reach[each] - i))
            sparse_dots_of[min_int(SW_TILE, reach[each] - i)](x, dy + each * dy_channel, pixels, stretch, here + i,
                                                              sums);
      }
    }
    for (int32_t i = 0, each = start; each < output; each++) {
      float *to = dw + each * row;
      for (int k = 0; k < width; k++) to[k] = 0;
      for (; i < ends[each]; i++) {
        vec sum = load(sums + (int64_t)i * LANES);
        for (int part = VL; part < LANES; part += VL) sum += load(sums + (int64_t)i * LANES + part);
        to[kept[i].channel / x_channel * window + kept[i].tap] = lane_sum(sum);
      }
    }
  }
  if (number == 0) ints_at(base, a->counts)[group * runs + run] = total;
}

/* dw = Σ parts, in their order. Item k does the k-th run of FILL_RUN. */
KERNEL(sum_parts) {
  float *to = at(base, a->dw);
  const float *part = at(base, a->parts);
  int count = a->count;
  int64_t elements = a->elements, from = (int64_t)item * FILL_RUN,
          to_end = from + FILL_RUN < elements ? from + FILL_RUN : elements;
  for (int64_t i = from; i < to_end; i++) {
    float sum = part[i];
    for (int which = 1; which < count; which++) sum += part[which * elements + i];
    to[i] = sum;
  }
}
