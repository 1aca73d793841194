/*
 * 3×3 convolutions of stride 1 by Winograd's minimal filtering F(4×4, 3×3): a tile of 4×4 outputs costs 36 products for each
 * pair of channels where the sum of taps costs 144 (Lavin, Gray 2016; Winograd 1980; Toom and Cook before them).
 *
 * Four outputs of one axis, y_i = Σ_k g_k·d_{i+k}, are y = Aᵀ[(G g) ⊙ (Bᵀ d)], from polynomials evaluated at the points
 * 0, ±a, ±b, ∞. With N the product of a point's distances to the other finite points,
 *
 *     G   row of point p: (1, p, p²) / N_p;  ∞: (0, 0, 1)       N_0 = a²b², N_±a = 2a²(a²−b²), N_±b = 2b²(b²−a²)
 *     Aᵀ  column of p: (1, p, p², p³);       ∞: (0, 0, 0, 1)
 *     Bᵀ  row of p: coefficients of Π_{q≠p} (x − q);  ∞: of Π_q (x − q)
 *
 * and a tile is y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A. a = 5/8 and b = 3/2 make B and A exact in float32 and lose fewer digits than
 * the usual 1 and 2. A lane is a sample, so transforms are plain vector code; summing over channels in between is 36
 * products of matrices, conv.c's own loop with a single tap.
 *
 * The same algebra transposed gives the weight gradient, dg = Gᵀ[Σ (A dy Aᵀ) ⊙ (Bᵀ d B)]G, summed over tiles and samples.
 *
 * Error. Every number on the way is a sum of products. Let |·| stand for the same pipeline in exact arithmetic with the absolute values
 * of all matrices and data, m = |Aᵀ|[Σ_c (|G||g||Gᵀ|) ⊙ (|Bᵀ||d||B|)]|A|. A term passes through at most n roundings:
 * 2·4 in Bᵀ d B, 2·4 in G g Gᵀ (constants of G rounded too), C in the sum over channels, 2·5 in Aᵀ · A, and one for the bias. So (Higham 2002, lemma 3.1)
 *
 *     |ŷ − y| ≤ γ_n · (m + |bias|),   γ_n = n·u / (1 − n·u),  n = C + 27,  u = 2⁻²⁴.
 *
 * The weight gradient has as many terms as there are tiles of samples, so n = tiles · samples + 27 with samples rounded up to
 * sixteen. These are worst cases; what happens in fact stays below 3 · 10⁻⁶ of the largest value (winograd.test.ts). A number
 * that is not finite spoils the tile of its own sample, not only the outputs that it reaches.
 */
#define WINO_A 0.625f
#define WINO_B 1.5f
#define WINO_A2 (WINO_A * WINO_A)
#define WINO_B2 (WINO_B * WINO_B)

/* One axis of Bᵀ d; from and to are `step` registers apart. */
INLINE void wino_input(const vec *d, vec *v, const int step) {
  vec d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
  vec t0 = d4 - WINO_B2 * d2, t1 = d3 - WINO_B2 * d1, u0 = d4 - WINO_A2 * d2, u1 = d3 - WINO_A2 * d1;
  v[0] = t0 - WINO_A2 * (d2 - WINO_B2 * d0);
  v[step] = t0 + WINO_A * t1;
  v[2 * step] = t0 - WINO_A * t1;
  v[3 * step] = u0 + WINO_B * u1;
  v[4 * step] = u0 - WINO_B * u1;
  v[5 * step] = d5 - WINO_B2 * d3 - WINO_A2 * t1;
}

/* One axis of Aᵀ m: six to four. */
INLINE void wino_output(const vec *m, vec *y, const int step, const int to) {
  vec sum_a = m[step] + m[2 * step], difference_a = m[step] - m[2 * step], sum_b = m[3 * step] + m[4 * step],
      difference_b = m[3 * step] - m[4 * step];
  y[0] = m[0] + sum_a + sum_b;
  y[to] = WINO_A * difference_a + WINO_B * difference_b;
  y[2 * to] = WINO_A2 * sum_a + WINO_B2 * sum_b;
  y[3 * to] = WINO_A * WINO_A2 * difference_a + WINO_B * WINO_B2 * difference_b + m[5 * step];
}

/* Its transpose A e: four to six. */
INLINE void wino_gradient(const vec *e, vec *m, const int step, const int to) {
  vec e0 = e[0], e1 = e[step], e2 = e[2 * step], e3 = e[3 * step];
  vec sum_a = e0 + WINO_A2 * e2, difference_a = WINO_A * e1 + WINO_A * WINO_A2 * e3;
  vec sum_b = e0 + WINO_B2 * e2, difference_b = WINO_B * e1 + WINO_B * WINO_B2 * e3;
  m[0] = e0;
  m[to] = sum_a + difference_a;
  m[2 * to] = sum_a - difference_a;
  m[3 * to] = sum_b + difference_b;
  m[4 * to] = sum_b - difference_b;
  m[5 * to] = e3;
}

#define WINO_N0 (1 / (WINO_A2 * WINO_B2))
#define WINO_NA (1 / (2 * WINO_A2 * (WINO_A2 - WINO_B2)))
#define WINO_NB (1 / (2 * WINO_B2 * (WINO_B2 - WINO_A2)))

/* One axis of G g: three to six. */
INLINE void wino_filter(const vec *g, vec *u, const int step, const int to) {
  vec g0 = g[0], g1 = g[step], g2 = g[2 * step];
  vec sum_a = WINO_NA * g0 + WINO_NA * WINO_A2 * g2, difference_a = WINO_NA * WINO_A * g1;
  vec sum_b = WINO_NB * g0 + WINO_NB * WINO_B2 * g2, difference_b = WINO_NB * WINO_B * g1;
  u[0] = WINO_N0 * g0;
  u[to] = sum_a + difference_a;
  u[2 * to] = sum_a - difference_a;
  u[3 * to] = sum_b + difference_b;
  u[4 * to] = sum_b - difference_b;
  u[5 * to] = g2;
}

/* Its transpose Gᵀ u: six to three. */
INLINE void wino_weight(const vec *u, vec *g, const int step, const int to) {
  vec sum_a = u[step] + u[2 * step], difference_a = u[step] - u[2 * step], sum_b = u[3 * step] + u[4 * step],
      difference_b = u[3 * step] - u[4 * step];
  g[0] = WINO_N0 * u[0] + WINO_NA * sum_a + WINO_NB * sum_b;
  g[to] = WINO_NA * WINO_A * difference_a + WINO_NB * WINO_B * difference_b;
  g[2 * to] = WINO_NA * WINO_A2 * sum_a + WINO_NB * WINO_B2 * sum_b + u[5 * step];
}

/* Where an image lies: floats between its channels, blocks, rows and pixels of a row; its height and width. */
typedef struct {
  int64_t channel, block, row, column; /* floats */
  int height, width;
} wino_image;

INLINE wino_image wino_image_of(image i) {
  return (wino_image){(int64_t)i.channel * LANES,
                      (int64_t)i.block * LANES,
                      (int64_t)i.row * LANES,
                      (int64_t)i.column * LANES,
                      i.height,
                      i.width};
}

/*
 * Transforms the squares of SIZE × SIZE pixels of `channels` channels whose first pixel is (top, left), which may be outside
 * the image, where zeros are: with Bᵀ · B (SIZE 6) or A · Aᵀ (SIZE 4). Point k of channel c goes to to[k·points + c·next].
 */
INLINE void wino_bring(const wino_image *where, const float *x, int top, int left, int channels, float *to,
                       int64_t points, int64_t next, const int SIZE, const int whole) {
  for (int channel = 0; channel < channels; channel++)
    for (int part = 0; part < LANES; part += VL) {
      vec pixels[36], half[36];
      const float *from = x + channel * where->channel + part;
#pragma GCC unroll 6
      for (int column = 0; column < SIZE; column++) {
#pragma GCC unroll 6
        for (int row = 0; row < SIZE; row++) {
          int inside = whole || ((unsigned)(top + row) < (unsigned)where->height &&
                                 (unsigned)(left + column) < (unsigned)where->width);
          pixels[row * 6 + column] =
              inside ? load(from + (top + row) * where->row + (left + column) * where->column) : splat(0);
        }
        if (SIZE == 6) wino_input(pixels + column, half + column, 6);
        else wino_gradient(pixels + column, half + column, 6, 6);
      }
#pragma GCC unroll 6
      for (int row = 0; row < 6; row++) {
        vec out[6];
        if (SIZE == 6) wino_input(half + row * 6, out, 1);
        else wino_gradient(half + row * 6, out, 1, 1);
#pragma GCC unroll 6
        for (int column = 0; column < 6; column++)
          store(to + (row * 6 + column) * points + channel * next + part, out[column]);
      }
    }
}

#define WINO_BRING(name, SIZE)                                                                          \
  static void name(const wino_image *where, const float *x, int top, int left, int channels, float *to, \
                   int64_t points, int64_t next) {                                                      \
    if (top >= 0 && left >= 0 && top + SIZE <= where->height && left + SIZE <= where->width)            \
      wino_bring(where, x, top, left, channels, to, points, next, SIZE, 1);                             \
    else wino_bring(where, x, top, left, channels, to, points, next, SIZE, 0);                          \
  }
WINO_BRING(wino_bring_input, 6)
WINO_BRING(wino_bring_gradient, 4)

/*
 * Convolution. A *spot* is a tile of sixteen samples. An item takes a run of spots and a run of outputs: it transforms the
 * spots of all channels to V [36][channels][spots], multiplies to M [36][outputs][spots], and transforms that to y.
 */
KERNEL(winograd) {
  wino_image in = wino_image_of(a->x_image), out = wino_image_of(a->y_image);
  int channels = a->channels, height = a->height, spots_per_item = a->spots, runs = ceil_div(a->outputs, a->run);
  int first_output = item % runs * a->run, outputs = min_int(a->run, a->outputs - first_output);
  int tile_rows = ceil_div(out.height, WINO_TILE), tile_columns = ceil_div(out.width, WINO_TILE),
      tiles = tile_rows * tile_columns;
  int first = item / runs * spots_per_item, spots = min_int(spots_per_item, tiles * a->blocks - first);
  const float *bias = a->bias < 0 ? 0 : at(base, a->bias) + first_output;
  int64_t v_point = ((int64_t)channels * spots_per_item | 1) * LANES,
          m_point = ((int64_t)a->run * spots_per_item | 1) * LANES, next = spots_per_item * LANES;
  float *transformed = scratch_at(base, a->scratch, winograd_scratch(a), thread),
        *products = transformed + WINO_POINTS * v_point;

  for (int spot = 0; spot < spots; spot++) {
    int tile = (first + spot) % tiles, block = (first + spot) / tiles;
    wino_bring_input(&in, at(base, a->x) + block * in.block, tile / tile_columns * 4 - a->top,
                     tile % tile_columns * 4 - a->left, channels, transformed + spot * LANES, v_point, next);
  }

  int32_t tap[2] = {0, 0}, pixels[2 * 64];
  for (int spot = 0; spot < spots; spot++) pixels[2 * spot] = pixels[2 * spot + 1] = spot;
  conv_tile plain = {.taps = tap, .tap_count = 1, .window = 1, .x_channel = next, .y_channel = next};
  conv_run_fn *do_run = conv_run(height);
  for (int point = 0; point < WINO_POINTS; point++) {
    const float *filters = at(base, a->filters) + (int64_t)point * a->point + (int64_t)first_output * channels;
    for (plain.first_channel = 0; plain.first_channel < channels; plain.first_channel = plain.end_channel) {
      plain.end_channel = min_int(channels, plain.first_channel + CONV_CHUNK_TAPS);
      plain.first_chunk = plain.first_channel == 0;
      for (int output = 0; output < outputs; output += height) {
        plain.outputs = min_int(height, outputs - output);
        do_run(&plain, transformed + point * v_point, products + point * m_point + output * next,
               filters + (int64_t)output * channels, pixels, spots);
      }
    }
  }

  for (int spot = 0; spot < spots; spot++) {
    int tile = (first + spot) % tiles, block = (first + spot) / tiles, top = tile / tile_columns * 4,
        left = tile % tile_columns * 4;
    int rows = min_int(4, out.height - top), columns = min_int(4, out.width - left);
    float *y = at(base, a->y) + block * out.block + first_output * out.channel + top * out.row + left * out.column;
    for (int output = 0; output < outputs; output++)
      for (int part = 0; part < LANES; part += VL) {
        const float *from = products + output * next + spot * LANES + part;
        float *to = y + output * out.channel + part;
        vec plus = splat(bias ? bias[output] : 0), half[24];
#pragma GCC unroll 6
        for (int j = 0; j < 6; j++) {
          vec column[6];
#pragma GCC unroll 6
          for (int i = 0; i < 6; i++) column[i] = load(from + (i * 6 + j) * m_point);
          wino_output(column, half + j, 1, 6);
        }
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
          vec row[4];
          wino_output(half + i * 6, row, 1, 1);
#pragma GCC unroll 4
          for (int j = 0; j < 4; j++)
            if (i < rows && j < columns) store(to + i * out.row + j * out.column, row[j] + plus);
        }
      }
  }
}

/*
 * U = G g Gᵀ as `winograd` reads it: [36][outputs/mr][channels][mr], zero beyond the outputs. The window is turned round for the
 * input gradient. Item: one tile of mr outputs.
 */
KERNEL(winograd_pack) {
  int outputs = a->outputs, channels = a->channels, height = a->height, turned = a->turned;
  const float *weights = at(base, a->weights) + a->offset;
  int64_t size = (int64_t)channels * height;
  float *filters = at(base, a->filters) + item * size;
  for (int64_t from = 0; from < size; from += VL) {
    float taps[9][VL] __attribute__((aligned(64)));
    int count = size - from < VL ? size - from : VL;
    for (int i = 0; i < VL; i++) {
      int output = item * height + (int)((from + i) % height), channel = (int)((from + i) / height),
          exists = i < count && output < outputs;
      const float *weights_here = weights + (int64_t)output * a->by_output + (int64_t)channel * a->by_channel;
      for (int k = 0; k < 9; k++) taps[k][i] = exists ? weights_here[turned ? 8 - k : k] : 0;
    }
    vec half[18];
#pragma GCC unroll 3
    for (int j = 0; j < 3; j++) {
      vec column[3] = {load(taps[j]), load(taps[3 + j]), load(taps[6 + j])};
      wino_filter(column, half + j, 1, 3);
    }
#pragma GCC unroll 6
    for (int i = 0; i < 6; i++) {
      vec row[6];
      wino_filter(half + 3 * i, row, 1, 1);
#pragma GCC unroll 6
      for (int j = 0; j < 6; j++) {
        float *to = filters + (int64_t)(i * 6 + j) * a->point + from;
        if (count == VL) storeu(to, row[j]);
        else
          for (int lane = 0; lane < count; lane++) to[lane] = row[j][lane];
      }
    }
  }
}

/* Sixteen lines as a matrix, turned: lane l of line c becomes lane c of line l. */
#if VL == 16 && (defined(__clang__) || __GNUC__ >= 12)
#define WINO_MIX(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#define WINO_STAGE(h, low, high)                 \
  for (int i = 0; i < 16; i++)                   \
    if (!(i & h)) {                              \
      vec a = r[i], b = r[i + h];                \
      r[i] = WINO_MIX(a, b, WINO_LIST low);      \
      r[i + h] = WINO_MIX(a, b, WINO_LIST high); \
    }
#define WINO_LIST(...) __VA_ARGS__
static void wino_turn(const float *from, float *to) {
  vec r[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) r[i] = load(from + i * LANES);
#pragma GCC unroll 16
  WINO_STAGE(8, (0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
             (8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
#pragma GCC unroll 16
  WINO_STAGE(4, (0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27),
             (4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31))
#pragma GCC unroll 16
  WINO_STAGE(2, (0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29),
             (2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31))
#pragma GCC unroll 16
  WINO_STAGE(1, (0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30),
             (1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31))
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) store(to + i * LANES, r[i]);
}
#else
static void wino_turn(const float *from, float *to) {
  for (int l = 0; l < LANES; l++)
    for (int c = 0; c < LANES; c++) to[l * LANES + c] = from[c * LANES + l];
}
#endif

/* `count` rows: sum[panel][output·sum_output] += Σ_row dy[output·dy_output + row] · x[panel][row·LANES], MO outputs × MT registers of channels. */
INLINE void wino_dots(const float *const *x, const float *dy, int64_t dy_output, int count, float *const *sum,
                      int64_t sum_output, int first, const int MO, const int MT) {
  vec acc[8][3];
#pragma GCC unroll 8
  for (int output = 0; output < MO; output++)
#pragma GCC unroll 3
    for (int panel = 0; panel < MT; panel++)
      acc[output][panel] = first ? splat(0) : load(sum[panel] + output * sum_output);
  for (int row = 0; row < count; row++) {
    vec inputs[3];
#pragma GCC unroll 3
    for (int panel = 0; panel < MT; panel++) inputs[panel] = load(x[panel] + row * LANES);
#pragma GCC unroll 8
    for (int output = 0; output < MO; output++)
#pragma GCC unroll 3
      for (int panel = 0; panel < MT; panel++) acc[output][panel] += inputs[panel] * dy[output * dy_output + row];
  }
#pragma GCC unroll 8
  for (int output = 0; output < MO; output++)
#pragma GCC unroll 3
    for (int panel = 0; panel < MT; panel++) store(sum[panel] + output * sum_output, acc[output][panel]);
}

typedef void wino_dots_fn(const float *const *x, const float *dy, int64_t dy_output, int count, float *const *sum,
                          int64_t sum_output, int first);
#define WINO_DOTS(MO, MT)                                                                                 \
  static void wino_dots_##MO##_##MT(const float *const *x, const float *dy, int64_t dy_output, int count, \
                                    float *const *sum, int64_t sum_output, int first) {                   \
    wino_dots(x, dy, dy_output, count, sum, sum_output, first, MO, MT);                                   \
  }
WINO_DOTS(1, 1)
WINO_DOTS(1, 2)
WINO_DOTS(1, 3)
#if CW_MO == 8
WINO_DOTS(8, 1)
WINO_DOTS(8, 2)
WINO_DOTS(8, 3)
#else
WINO_DOTS(4, 1)
WINO_DOTS(4, 2)
WINO_DOTS(4, 3)
#endif
/* One output at a time, or CW_MO. */
static wino_dots_fn *const wino_dots_of[2][3] = {
    {wino_dots_1_1, wino_dots_1_2, wino_dots_1_3},
#if CW_MO == 8
    {wino_dots_8_1, wino_dots_8_2, wino_dots_8_3},
#else
    {wino_dots_4_1, wino_dots_4_2, wino_dots_4_3},
#endif
};

/*
 * The weight gradient at its 36 points. Here the lanes of a register are channels, so that no sum over lanes is left at the end: V is
 * turned, [36][channels/16][spot, sample][16], and every number of dy, M [36][outputs][spot, sample], multiplies sixteen
 * channels. An item takes a part of the spots, some at a time, and a run of outputs; it leaves [36][outputs][channels]
 * sums, channels rounded up to sixteen, in its part of `sums`.
 */
KERNEL(winograd_weight) {
  wino_image in = wino_image_of(a->x_image), out = wino_image_of(a->dy_image);
  int channels = a->channels, per = a->spots, panels = ceil_div(channels, LANES), runs = ceil_div(a->outputs, a->run);
  int first_output = item % runs * a->run, outputs = min_int(a->run, a->outputs - first_output), part = item / runs;
  int high = ceil_div(out.height, WINO_TILE), wide = ceil_div(out.width, WINO_TILE), tiles = high * wide;
  int start = part * a->spots_per_part, end = min_int(start + a->spots_per_part, tiles * a->blocks);
  int64_t panel = (int64_t)per * LANES * LANES, v_point = panels * panel + LANES,
          m_point = ((int64_t)a->run * per | 1) * LANES;
  int64_t next = per * LANES, square = (LANES + 1) * LANES, row = (int64_t)panels * LANES, point = a->outputs * row;
  float *turned = scratch_at(base, a->scratch, winograd_weight_scratch(a), thread);
  float *gradients = turned + WINO_POINTS * v_point, *bricks = gradients + WINO_POINTS * m_point;
  float *sums = at(base, a->sums) + part * WINO_POINTS * point + first_output * row;

  for (int from = start; from < end; from += per) {
    int spots = min_int(per, end - from);
    for (int spot = 0; spot < spots; spot++) {
      int tile = (from + spot) % tiles, block = (from + spot) / tiles, top = tile / wide * 4, left = tile % wide * 4;
      wino_bring_gradient(&out, at(base, a->dy) + block * out.block + first_output * out.channel, top, left, outputs,
                          gradients + spot * LANES, m_point, next);
      for (int number = 0; number < panels; number++) {
        int width = min_int(LANES, channels - number * LANES);
        wino_bring_input(&in, at(base, a->x) + block * in.block + number * LANES * in.channel, top - a->top,
                         left - a->left, width, bricks, square, LANES);
        for (int k = 0; k < WINO_POINTS; k++) {
          for (int i = width * LANES; i < LANES * LANES; i += VL) store(bricks + k * square + i, splat(0));
          wino_turn(bricks + k * square, turned + k * v_point + number * panel + spot * LANES * LANES);
        }
      }
    }
    int registers = panels * PARTS;
    for (int k = 0; k < WINO_POINTS; k++)
      for (int from_register = 0; from_register < registers;) {
        int left = registers - from_register, count = left == 4 ? 2 : min_int(3, left);
        const float *x[3];
        for (int which = 0; which < count; which++)
          x[which] =
              turned + k * v_point + (from_register + which) / PARTS * panel + (from_register + which) % PARTS * VL;
        for (int output = 0; output < outputs;) {
          int whole = outputs - output >= CW_MO;
          float *sum[3];
          for (int which = 0; which < count; which++)
            sum[which] = sums + k * point + output * row + (from_register + which) * VL;
          wino_dots_of[whole][count - 1](x, gradients + k * m_point + output * next, next, spots * LANES, sum, row,
                                         from == start);
          output += whole ? CW_MO : 1;
        }
        from_register += count;
      }
  }
}

/*
 * dw = Gᵀ (Σ parts) G. Where the mask is 0 the gradient is too, unless the integer `every` is not 0. Item: one output.
 */
KERNEL(winograd_weight_sum) {
  int channels = a->channels, parts = a->parts;
  int64_t row = ceil_div(channels, LANES) * LANES, point = a->outputs * row;
  const float *sums = at(base, a->sums) + item * row;
  float *dw = at(base, a->dw) + (int64_t)item * channels * 9;
  for (int channel = 0; channel < channels; channel += VL) {
    vec halved[18], all[9];
#pragma GCC unroll 6
    for (int j = 0; j < 6; j++) {
      vec column[6];
#pragma GCC unroll 6
      for (int i = 0; i < 6; i++) {
        const float *from = sums + (i * 6 + j) * point + channel;
        column[i] = load(from);
        for (int part = 1; part < parts; part++) column[i] += load(from + part * WINO_POINTS * point);
      }
      wino_weight(column, halved + j, 1, 6);
    }
#pragma GCC unroll 3
    for (int i = 0; i < 3; i++) wino_weight(halved + i * 6, all + i * 3, 1, 1);
    for (int lane = 0; lane < VL && channel + lane < channels; lane++)
      for (int tap = 0; tap < 9; tap++) dw[(channel + lane) * 9 + tap] = all[tap][lane];
  }
  if (a->mask < 0 || *ints_at(base, a->every)) return;
  const float *mask = at(base, a->mask) + (int64_t)item * channels * 9;
  for (int64_t i = 0; i < (int64_t)channels * 9; i++)
    if (mask[i] == 0) dw[i] = 0;
}
