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
  vec s = m[step] + m[2 * step], d = m[step] - m[2 * step], S = m[3 * step] + m[4 * step],
      D = m[3 * step] - m[4 * step];
  y[0] = m[0] + s + S;
  y[to] = WINO_A * d + WINO_B * D;
  y[2 * to] = WINO_A2 * s + WINO_B2 * S;
  y[3 * to] = WINO_A * WINO_A2 * d + WINO_B * WINO_B2 * D + m[5 * step];
}

/* Its transpose A e: four to six. */
INLINE void wino_gradient(const vec *e, vec *m, const int step, const int to) {
  vec e0 = e[0], e1 = e[step], e2 = e[2 * step], e3 = e[3 * step];
  vec s = e0 + WINO_A2 * e2, d = WINO_A * e1 + WINO_A * WINO_A2 * e3;
  vec S = e0 + WINO_B2 * e2, D = WINO_B * e1 + WINO_B * WINO_B2 * e3;
  m[0] = e0;
  m[to] = s + d;
  m[2 * to] = s - d;
  m[3 * to] = S + D;
  m[4 * to] = S - D;
  m[5 * to] = e3;
}

#define WINO_N0 (1 / (WINO_A2 * WINO_B2))
#define WINO_NA (1 / (2 * WINO_A2 * (WINO_A2 - WINO_B2)))
#define WINO_NB (1 / (2 * WINO_B2 * (WINO_B2 - WINO_A2)))

/* One axis of G g: three to six. */
INLINE void wino_filter(const vec *g, vec *u, const int step, const int to) {
  vec g0 = g[0], g1 = g[step], g2 = g[2 * step];
  vec s = WINO_NA * g0 + WINO_NA * WINO_A2 * g2, d = WINO_NA * WINO_A * g1;
  vec S = WINO_NB * g0 + WINO_NB * WINO_B2 * g2, D = WINO_NB * WINO_B * g1;
  u[0] = WINO_N0 * g0;
  u[to] = s + d;
  u[2 * to] = s - d;
  u[3 * to] = S + D;
  u[4 * to] = S - D;
  u[5 * to] = g2;
}

/* Its transpose Gᵀ u: six to three. */
INLINE void wino_weight(const vec *u, vec *g, const int step, const int to) {
  vec s = u[step] + u[2 * step], d = u[step] - u[2 * step], S = u[3 * step] + u[4 * step],
      D = u[3 * step] - u[4 * step];
  g[0] = WINO_N0 * u[0] + WINO_NA * s + WINO_NB * S;
  g[to] = WINO_NA * WINO_A * d + WINO_NB * WINO_B * D;
  g[2 * to] = WINO_NA * WINO_A2 * s + WINO_NB * WINO_B2 * S + u[5 * step];
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
INLINE void wino_bring(const wino_image *g, const float *x, int top, int left, int channels, float *to, int64_t points,
                       int64_t next, const int SIZE, const int whole) {
  for (int c = 0; c < channels; c++)
    for (int part = 0; part < LANES; part += VL) {
      vec d[36], half[36];
      const float *from = x + c * g->channel + part;
#pragma GCC unroll 6
      for (int j = 0; j < SIZE; j++) {
#pragma GCC unroll 6
        for (int i = 0; i < SIZE; i++) {
          int inside =
              whole || ((unsigned)(top + i) < (unsigned)g->height && (unsigned)(left + j) < (unsigned)g->width);
          d[i * 6 + j] = inside ? load(from + (top + i) * g->row + (left + j) * g->column) : splat(0);
        }
        if (SIZE == 6) wino_input(d + j, half + j, 6);
        else wino_gradient(d + j, half + j, 6, 6);
      }
#pragma GCC unroll 6
      for (int i = 0; i < 6; i++) {
        vec out[6];
        if (SIZE == 6) wino_input(half + i * 6, out, 1);
        else wino_gradient(half + i * 6, out, 1, 1);
#pragma GCC unroll 6
        for (int j = 0; j < 6; j++) store(to + (i * 6 + j) * points + c * next + part, out[j]);
      }
    }
}

#define WINO_BRING(name, SIZE)                                                                                      \
  static void name(const wino_image *g, const float *x, int top, int left, int channels, float *to, int64_t points, \
                   int64_t next) {                                                                                  \
    if (top >= 0 && left >= 0 && top + SIZE <= g->height && left + SIZE <= g->width)                                \
      wino_bring(g, x, top, left, channels, to, points, next, SIZE, 1);                                             \
    else wino_bring(g, x, top, left, channels, to, points, next, SIZE, 0);                                          \
  }
WINO_BRING(wino_bring_input, 6)
WINO_BRING(wino_bring_gradient, 4)

/*
 * Convolution. A *spot* is a tile of sixteen samples. An item takes a run of spots and a run of outputs: it transforms the
 * spots of all channels to V [36][channels][spots], multiplies to M [36][outputs][spots], and transforms that to y.
 */
KERNEL(winograd) {
  wino_image in = wino_image_of(a->x_image), out = wino_image_of(a->y_image);
  int channels = a->channels, mr = a->height, per = a->spots, runs = ceil_div(a->outputs, a->run);
  int o_from = item % runs * a->run, outputs = min_int(a->run, a->outputs - o_from);
  int high = ceil_div(out.height, WINO_TILE), wide = ceil_div(out.width, WINO_TILE), tiles = high * wide;
  int first = item / runs * per, spots = min_int(per, tiles * a->blocks - first);
  const float *bias = a->bias < 0 ? 0 : at(base, a->bias) + o_from;
  int64_t vs = ((int64_t)channels * per | 1) * LANES, ms = ((int64_t)a->run * per | 1) * LANES, next = per * LANES;
  float *v = scratch_at(base, a->scratch, winograd_scratch(a), thread), *m = v + WINO_POINTS * vs;

  for (int s = 0; s < spots; s++) {
    int tile = (first + s) % tiles, block = (first + s) / tiles;
    wino_bring_input(&in, at(base, a->x) + block * in.block, tile / wide * 4 - a->top, tile % wide * 4 - a->left,
                     channels, v + s * LANES, vs, next);
  }

  int32_t tap[2] = {0, 0}, pixels[2 * 64];
  for (int s = 0; s < spots; s++) pixels[2 * s] = pixels[2 * s + 1] = s;
  conv_tile t = {.taps = tap, .count = 1, .window = 1, .xc = next, .yc = next};
  conv_run_fn *do_run = conv_run(mr);
  for (int k = 0; k < WINO_POINTS; k++) {
    const float *u = at(base, a->filters) + (int64_t)k * a->point + (int64_t)o_from * channels;
    for (t.from = 0; t.from < channels; t.from = t.to) {
      t.to = min_int(channels, t.from + CONV_CHUNK_TAPS);
      t.first = t.from == 0;
      for (int o = 0; o < outputs; o += mr) {
        t.outputs = min_int(mr, outputs - o);
        do_run(&t, v + k * vs, m + k * ms + o * next, u + (int64_t)o * channels, pixels, spots);
      }
    }
  }

  for (int s = 0; s < spots; s++) {
    int tile = (first + s) % tiles, block = (first + s) / tiles, top = tile / wide * 4, left = tile % wide * 4;
    int rows = min_int(4, out.height - top), columns = min_int(4, out.width - left);
    float *y = at(base, a->y) + block * out.block + o_from * out.channel + top * out.row + left * out.column;
    for (int o = 0; o < outputs; o++)
      for (int part = 0; part < LANES; part += VL) {
        const float *from = m + o * next + s * LANES + part;
        float *to = y + o * out.channel + part;
        vec plus = splat(bias ? bias[o] : 0), half[24];
#pragma GCC unroll 6
        for (int j = 0; j < 6; j++) {
          vec column[6];
#pragma GCC unroll 6
          for (int i = 0; i < 6; i++) column[i] = load(from + (i * 6 + j) * ms);
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
  int outputs = a->outputs, channels = a->channels, mr = a->height, turned = a->turned;
  const float *w = at(base, a->weights) + a->offset;
  int64_t size = (int64_t)channels * mr;
  float *u = at(base, a->filters) + item * size;
  for (int64_t from = 0; from < size; from += VL) {
    float taps[9][VL] __attribute__((aligned(64)));
    int n = size - from < VL ? size - from : VL;
    for (int i = 0; i < VL; i++) {
      int o = item * mr + (int)((from + i) % mr), c = (int)((from + i) / mr), there = i < n && o < outputs;
      const float *g = w + (int64_t)o * a->by_output + (int64_t)c * a->by_channel;
      for (int k = 0; k < 9; k++) taps[k][i] = there ? g[turned ? 8 - k : k] : 0;
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
        float *to = u + (int64_t)(i * 6 + j) * a->point + from;
        if (n == VL) storeu(to, row[j]);
        else
          for (int l = 0; l < n; l++) to[l] = row[j][l];
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

/* `count` rows: sum[o·so + t] += Σ_i dy[o·os + i] · x[t][i·LANES], MO outputs × MT registers of channels. */
INLINE void wino_dots(const float *const *x, const float *dy, int64_t os, int count, float *const *sum, int64_t so,
                      int first, const int MO, const int MT) {
  vec acc[8][3];
#pragma GCC unroll 8
  for (int o = 0; o < MO; o++)
#pragma GCC unroll 3
    for (int t = 0; t < MT; t++) acc[o][t] = first ? splat(0) : load(sum[t] + o * so);
  for (int i = 0; i < count; i++) {
    vec in[3];
#pragma GCC unroll 3
    for (int t = 0; t < MT; t++) in[t] = load(x[t] + i * LANES);
#pragma GCC unroll 8
    for (int o = 0; o < MO; o++)
#pragma GCC unroll 3
      for (int t = 0; t < MT; t++) acc[o][t] += in[t] * dy[o * os + i];
  }
#pragma GCC unroll 8
  for (int o = 0; o < MO; o++)
#pragma GCC unroll 3
    for (int t = 0; t < MT; t++) store(sum[t] + o * so, acc[o][t]);
}

typedef void wino_dots_fn(const float *const *x, const float *dy, int64_t os, int count, float *const *sum, int64_t so,
                          int first);
#define WINO_DOTS(MO, MT)                                                                                             \
  static void wino_dots_##MO##_##MT(const float *const *x, const float *dy, int64_t os, int count, float *const *sum, \
                                    int64_t so, int first) {                                                          \
    wino_dots(x, dy, os, count, sum, so, first, MO, MT);                                                              \
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
  int o_from = item % runs * a->run, outputs = min_int(a->run, a->outputs - o_from), part = item / runs;
  int high = ceil_div(out.height, WINO_TILE), wide = ceil_div(out.width, WINO_TILE), tiles = high * wide;
  int start = part * a->spots_per_part, end = min_int(start + a->spots_per_part, tiles * a->blocks);
  int64_t panel = (int64_t)per * LANES * LANES, vs = panels * panel + LANES, ms = ((int64_t)a->run * per | 1) * LANES;
  int64_t next = per * LANES, square = (LANES + 1) * LANES, row = (int64_t)panels * LANES, point = a->outputs * row;
  float *v = scratch_at(base, a->scratch, winograd_weight_scratch(a), thread);
  float *m = v + WINO_POINTS * vs, *some = m + WINO_POINTS * ms;
  float *sums = at(base, a->sums) + part * WINO_POINTS * point + o_from * row;

  for (int from = start; from < end; from += per) {
    int spots = min_int(per, end - from);
    for (int s = 0; s < spots; s++) {
      int tile = (from + s) % tiles, block = (from + s) / tiles, top = tile / wide * 4, left = tile % wide * 4;
      wino_bring_gradient(&out, at(base, a->dy) + block * out.block + o_from * out.channel, top, left, outputs,
                          m + s * LANES, ms, next);
      for (int p = 0; p < panels; p++) {
        int width = min_int(LANES, channels - p * LANES);
        wino_bring_input(&in, at(base, a->x) + block * in.block + p * LANES * in.channel, top - a->top, left - a->left,
                         width, some, square, LANES);
        for (int k = 0; k < WINO_POINTS; k++) {
          for (int i = width * LANES; i < LANES * LANES; i += VL) store(some + k * square + i, splat(0));
          wino_turn(some + k * square, v + k * vs + p * panel + s * LANES * LANES);
        }
      }
    }
    int registers = panels * PARTS;
    for (int k = 0; k < WINO_POINTS; k++)
      for (int q = 0; q < registers;) {
        int left = registers - q, mt = left == 4 ? 2 : min_int(3, left);
        const float *x[3];
        for (int t = 0; t < mt; t++) x[t] = v + k * vs + (q + t) / PARTS * panel + (q + t) % PARTS * VL;
        for (int o = 0; o < outputs;) {
          int whole = outputs - o >= CW_MO;
          float *sum[3];
          for (int t = 0; t < mt; t++) sum[t] = sums + k * point + o * row + (q + t) * VL;
          wino_dots_of[whole][mt - 1](x, m + k * ms + o * next, next, spots * LANES, sum, row, from == start);
          o += whole ? CW_MO : 1;
        }
        q += mt;
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
  for (int c = 0; c < channels; c += VL) {
    vec half[18], all[9];
#pragma GCC unroll 6
    for (int j = 0; j < 6; j++) {
      vec column[6];
#pragma GCC unroll 6
      for (int i = 0; i < 6; i++) {
        const float *from = sums + (i * 6 + j) * point + c;
        column[i] = load(from);
        for (int p = 1; p < parts; p++) column[i] += load(from + p * WINO_POINTS * point);
      }
      wino_weight(column, half + j, 1, 6);
    }
#pragma GCC unroll 3
    for (int i = 0; i < 3; i++) wino_weight(half + i * 6, all + i * 3, 1, 1);
    for (int l = 0; l < VL && c + l < channels; l++)
      for (int k = 0; k < 9; k++) dw[(c + l) * 9 + k] = all[k][l];
  }
  if (a->mask < 0 || *ints_at(base, a->every)) return;
  const float *mask = at(base, a->mask) + (int64_t)item * channels * 9;
  for (int64_t i = 0; i < (int64_t)channels * 9; i++)
    if (mask[i] == 0) dw[i] = 0;
}
