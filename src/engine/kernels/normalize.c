/*
 * The statistics of BatchNorm (Ioffe, Szegedy 2015) in training, per channel over samples and pixels.
 *
 * Mean and variance of each block of sixteen samples are computed in two passes while its lines are in cache, and
 * combined in double precision (Chan, Golub, LeVeque 1979): nothing is lost when the mean is large. Out come the
 * coefficients of y = a·x + b, the mean and 1/√(var+ε); running statistics move towards the batch's as in PyTorch,
 * running ← m·running + (1−m)·batch, with the unbiased variance.
 *
 * args: x, scale, bias, running mean, running variance, a, b, mean, inverse deviation, valid (lines)
 *       x channel stride, block stride, pixel stride (lines), channels, blocks, pixels, epsilon, momentum (floats)
 * Item: one channel.
 */
static void normalize(const int32_t *p, char *base, int item, int thread) {
  (void)thread;
  int blocks = p[14], pixels = p[15], valid = (int)*at(base, p[9]);
  int64_t step = (int64_t)p[12] * LANES;
  const float *x = at(base, p[0]) + (int64_t)item * p[10] * LANES;
  double count = 0, mean = 0, squares = 0;
  for (int b = 0; b < blocks && b * LANES < valid; b++) {
    const float *xb = x + (int64_t)b * p[11] * LANES;
    int live = min_int(LANES, valid - b * LANES);
    for (int from = 0; from < pixels; from += 256) {
      int n = min_int(256, pixels - from);
      float sum[LANES], square[LANES];
      const float *run = xb + from * step;
      double total = 0, spread = 0;
      for (int l = 0; l < LANES; l += VL) {
        vec s = splat(0);
        for (int i = 0; i < n; i++) s += load(run + i * step + l);
        storeu(sum + l, s);
      }
      for (int l = 0; l < live; l++) total += sum[l];
      double m = total / ((double)n * live);
      for (int l = 0; l < LANES; l += VL) {
        vec s = splat(0), centre = splat(m);
        for (int i = 0; i < n; i++) {
          vec d = load(run + i * step + l) - centre;
          s += d * d;
        }
        storeu(square + l, s);
      }
      for (int l = 0; l < live; l++) spread += square[l];
      double more = (double)n * live, delta = m - mean;
      squares += spread + delta * delta * count * more / (count + more);
      mean += delta * more / (count + more);
      count += more;
    }
  }
  if (count == 0) return;
  float epsilon = as_float(p[16]), keep = as_float(p[17]);
  double variance = squares / count;
  double inverse = 1 / __builtin_sqrt(variance + epsilon);
  float *running_mean = at(base, p[3]), *running_variance = at(base, p[4]);
  running_mean[item] = keep * running_mean[item] + (1 - keep) * (float)mean;
  running_variance[item] = keep * running_variance[item] + (1 - keep) * (float)(squares / (count > 1 ? count - 1 : 1));
  float a = at(base, p[1])[item] * (float)inverse;
  at(base, p[5])[item] = a;
  at(base, p[6])[item] = at(base, p[2])[item] - (float)mean * a;
  at(base, p[7])[item] = mean;
  at(base, p[8])[item] = inverse;
}

/*
 * The coefficients of BatchNorm's input gradient dx = a·dy + p·x + q, from Σdy and Σdy·x̂ over the M = valid · pixels
 * elements of a channel: dx = a·(dy − Σdy/M − x̂·Σdy·x̂/M).
 * args: Σdy, Σdy·x̂, a, mean, inverse, p, q, valid (lines), channels, pixels. One item.
 */
static void normalize_input(const int32_t *k, char *base, int item, int thread) {
  (void)item, (void)thread;
  float count = *at(base, k[7]) * k[9];
  for (int c = 0; c < k[8]; c++) {
    float a = at(base, k[2])[c], mean = at(base, k[3])[c], inverse = at(base, k[4])[c];
    float p = -a * inverse * at(base, k[1])[c] / count;
    at(base, k[5])[c] = p;
    at(base, k[6])[c] = -a * at(base, k[0])[c] / count - p * mean;
  }
}
