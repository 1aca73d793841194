/*
 * The statistics of BatchNorm (Ioffe, Szegedy 2015) in training, per channel over samples and pixels.
 *
 * Mean and variance of each block of sixteen samples are computed in two passes while its lines are in cache, and
 * combined in double precision (Chan, Golub, LeVeque 1979): nothing is lost when the mean is large. Out come the
 * coefficients of y = a·x + b, the mean and 1/√(var+ε); running statistics move towards the batch's as in PyTorch,
 * running ← m·running + (1−m)·batch, with the unbiased variance.
 * Item: one channel.
 */
KERNEL(normalize) {
  int blocks = a->blocks, pixels = a->pixels, valid = (int)*at(base, a->valid);
  int64_t step = (int64_t)a->x_pixel * LANES;
  const float *x = at(base, a->x) + (int64_t)item * a->x_channel * LANES;
  double count = 0, mean = 0, squares = 0;
  for (int b = 0; b < blocks && b * LANES < valid; b++) {
    const float *xb = x + (int64_t)b * a->x_block * LANES;
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
  float epsilon = a->epsilon, keep = a->momentum;
  double variance = squares / count;
  double inverse = 1 / __builtin_sqrt(variance + epsilon);
  float *running_mean = at(base, a->running_mean), *running_variance = at(base, a->running_variance);
  running_mean[item] = keep * running_mean[item] + (1 - keep) * (float)mean;
  running_variance[item] = keep * running_variance[item] + (1 - keep) * (float)(squares / (count > 1 ? count - 1 : 1));
  float factor = at(base, a->scale)[item] * (float)inverse;
  at(base, a->a)[item] = factor;
  at(base, a->b)[item] = at(base, a->bias)[item] - (float)mean * factor;
  at(base, a->mean)[item] = mean;
  at(base, a->inverse)[item] = inverse;
}

/*
 * The coefficients of BatchNorm's input gradient dx = a·dy + p·x + q, from Σdy and Σdy·x̂ over the M = valid · pixels
 * elements of a channel: dx = a·(dy − Σdy/M − x̂·Σdy·x̂/M). One item.
 */
KERNEL(normalize_input) {
  float count = *at(base, a->valid) * a->pixels;
  for (int c = 0; c < a->channels; c++) {
    float factor = at(base, a->a)[c], mean = at(base, a->mean)[c], inverse = at(base, a->inverse)[c];
    float p = -factor * inverse * at(base, a->product)[c] / count;
    at(base, a->p)[c] = p;
    at(base, a->q)[c] = -factor * at(base, a->sum)[c] / count - p * mean;
  }
}
