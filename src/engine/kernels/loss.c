/*
 * Softmax cross-entropy with label smoothing ε (Szegedy et al. 2016), its gradient, and how many samples were right:
 *
 *     L = (1/n) Σ_samples [ (1−ε)·(−log p_label) + (ε/K)·Σ_k (−log p_k) ],   ∂L/∂z_k = (p_k − (1−ε)[k = label] − ε/K)/n
 *
 * n is the number at line `whole` (the samples of the whole batch where it is split); lanes beyond the valid samples
 * give no loss and no gradient. The first of equal largest logits is the answer.
 *
 * With a teacher (Hinton, Vinyals, Dean 2015), q = softmax(teacher/T) and s = softmax(z/T):
 *
 *     L' = (1−α)·L + α·T²·(1/n) Σ_samples Σ_k q_k·(log q_k − log s_k),   ∂L'/∂z_k = (1−α)·∂L/∂z_k + α·T·(s_k − q_k)/n
 *
 * One item.
 */

/* The largest of a sample's logits, and Σ exp((z − largest)·cool). */
INLINE vec partition(const float *z, int64_t stride, int classes, float cool, vec *largest) {
  vec top = load(z), sum = splat(0);
  for (int k = 1; k < classes; k++) top = vmax(load(z + k * stride), top);
  for (int k = 0; k < classes; k++) sum += vexp((load(z + k * stride) - top) * cool);
  *largest = top;
  return sum;
}

/* Makes the slopes d those of L', for live lanes; returns T²·Σ_k q_k·(log q_k − log s_k). */
INLINE vec distil(const cross_entropy_arguments *a, char *base, int from, const float *z, float *d, ivec live,
                  float n) {
  int classes = a->classes, block = from / LANES;
  const float *t = at(base, a->teacher) + (int64_t)block * a->teacher_by.block * LANES + from % LANES;
  int64_t zs = (int64_t)a->logits_by.class * LANES, ds = (int64_t)a->dlogits_by.class * LANES;
  int64_t ts = (int64_t)a->teacher_by.class * LANES;
  float warm = a->temperature, cool = 1 / warm, weight = a->weight;
  vec top, teacher_top, gap = splat(0);
  vec log_sum = vlog(partition(z, zs, classes, cool, &top));
  vec teacher_sum = vlog(partition(t, ts, classes, cool, &teacher_top));
  for (int k = 0; k < classes; k++) {
    vec log_s = (load(z + k * zs) - top) * cool - log_sum;
    vec log_q = (load(t + k * ts) - teacher_top) * cool - teacher_sum, q = vexp(log_q);
    gap += q * (log_q - log_s);
    vec slope = (vexp(log_s) - q) * (weight * warm / n);
    store(d + k * ds, load(d + k * ds) * (1 - weight) + choose(live, slope, splat(0)));
  }
  return gap * (warm * warm);
}

KERNEL(cross_entropy) {
  int classes = a->classes, valid = (int)*at(base, a->valid);
  float n = *at(base, a->whole), smooth = a->smoothing;
  double loss = 0, correct = 0;
  for (int b = 0; b < a->blocks; b++) {
    const float *z = at(base, a->logits) + (int64_t)b * a->logits_by.block * LANES,
                *label = at(base, a->labels) + (int64_t)b * LANES;
    float *d = at(base, a->dlogits) + (int64_t)b * a->dlogits_by.block * LANES;
    int64_t zs = (int64_t)a->logits_by.class * LANES, ds = (int64_t)a->dlogits_by.class * LANES;
    for (int l = 0; l < LANES; l += VL) {
      vec top = load(z + l), best = splat(0), sum = splat(0), all = splat(0), mine = splat(0),
          answer = loadu(label + l);
      for (int k = 1; k < classes; k++) {
        vec v = load(z + k * zs + l);
        ivec better = v > top;
        top = choose(better, v, top);
        best = choose(better, splat(k), best);
      }
      for (int k = 0; k < classes; k++) {
        vec v = load(z + k * zs + l) - top, e = vexp(v);
        sum += e;
        all += v;
        mine += choose(answer == splat(k), v, splat(0));
        store(d + k * ds + l, e);
      }
      vec log_sum = vlog(sum);
      vec each = (log_sum - mine) * (1 - smooth) + (log_sum - all * (1.0f / classes)) * smooth;
      ivec live;
      for (int i = 0; i < VL; i++) live[i] = b * LANES + l + i < valid ? -1 : 0;
      for (int k = 0; k < classes; k++) {
        vec p = load(d + k * ds + l) / sum - choose(answer == splat(k), splat(1 - smooth), splat(0)) - smooth / classes;
        store(d + k * ds + l, choose(live, p * (1 / n), splat(0)));
      }
      if (a->teacher >= 0) {
        float weight = a->weight;
        each = each * (1 - weight) + distil(a, base, b * LANES + l, z + l, d + l, live, n) * weight;
      }
      for (int i = 0; i < VL; i++)
        if (live[i]) loss += each[i], correct += best[i] == answer[i];
    }
  }
  *at(base, a->loss) = loss / n;
  *at(base, a->correct) = correct;
}
