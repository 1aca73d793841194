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
  for (int block = 0; block < blocks && block * LANES < valid; block++) {
    const float *first_pixel = x + (int64_t)block * a->x_block * LANES;
    int live = min_int(LANES, valid - block * LANES);
    for (int from = 0; from < pixels; from += 256) {
      int stretch = min_int(256, pixels - from);
      float sums[LANES], square_sums[LANES];
      const float *run = first_pixel + from * step;
      double total = 0, spread = 0;
      for (int lane = 0; lane < LANES; lane += VL) {
        vec lane_sums = splat(0);
        for (int i = 0; i < stretch; i++) lane_sums += load(run + i * step + lane);
        storeu(sums + lane, lane_sums);
      }
      for (int lane = 0; lane < live; lane++) total += sums[lane];
      double own_mean = total / ((double)stretch * live);
      for (int lane = 0; lane < LANES; lane += VL) {
        vec lane_sums = splat(0), centre = splat(own_mean);
        for (int i = 0; i < stretch; i++) {
          vec distance = load(run + i * step + lane) - centre;
          lane_sums += distance * distance;
        }
        storeu(square_sums + lane, lane_sums);
      }
      for (int lane = 0; lane < live; lane++) spread += square_sums[lane];
      double added = (double)stretch * live, delta = own_mean - mean;
      squares += spread + delta * delta * count * added / (count + added);
      mean += delta * added / (count + added);
      count += added;
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
  for (int channel = 0; channel < a->channels; channel++) {
    float factor = at(base, a->a)[channel], mean = at(base, a->mean)[channel], inverse = at(base, a->inverse)[channel];
    float p = -factor * inverse * at(base, a->product)[channel] / count;
    at(base, a->p)[channel] = p;
    at(base, a->q)[channel] = -factor * at(base, a->sum)[channel] / count - p * mean;
  }
}
