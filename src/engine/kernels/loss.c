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
INLINE vec partition(const float *logits, int64_t stride, int classes, float cool, vec *largest) {
  vec top = load(logits), sum = splat(0);
  for (int candidate = 1; candidate < classes; candidate++) top = vmax(load(logits + candidate * stride), top);
  for (int candidate = 0; candidate < classes; candidate++)
    sum += vexp((load(logits + candidate * stride) - top) * cool);
  *largest = top;
  return sum;
}

/* Makes the slopes d those of L', for live lanes; returns T²·Σ_k q_k·(log q_k − log s_k). */
INLINE vec distil(const cross_entropy_arguments *a, char *base, int from, const float *logits, float *slopes, ivec live,
                  float samples) {
  int classes = a->classes, block = from / LANES;
  const float *answers = at(base, a->teacher) + (int64_t)block * a->teacher_by.block * LANES + from % LANES;
  int64_t logit_step = (int64_t)a->logits_by.class * LANES, slope_step = (int64_t)a->dlogits_by.class * LANES;
  int64_t answer_step = (int64_t)a->teacher_by.class * LANES;
  float warm = a->temperature, cool = 1 / warm, weight = a->weight;
  vec top, teacher_top, gap = splat(0);
  vec log_sum = vlog(partition(logits, logit_step, classes, cool, &top));
  vec teacher_sum = vlog(partition(answers, answer_step, classes, cool, &teacher_top));
  for (int candidate = 0; candidate < classes; candidate++) {
    vec log_s = (load(logits + candidate * logit_step) - top) * cool - log_sum;
    vec log_q = (load(answers + candidate * answer_step) - teacher_top) * cool - teacher_sum, q = vexp(log_q);
    gap += q * (log_q - log_s);
    vec slope = (vexp(log_s) - q) * (weight * warm / samples);
    store(slopes + candidate * slope_step,
          load(slopes + candidate * slope_step) * (1 - weight) + choose(live, slope, splat(0)));
  }
  return gap * (warm * warm);
}

KERNEL(cross_entropy) {
  int classes = a->classes, valid = (int)*at(base, a->valid);
  float samples = *at(base, a->whole), smooth = a->smoothing;
  double loss = 0, correct = 0;
  for (int block = 0; block < a->blocks; block++) {
    const float *logits = at(base, a->logits) + (int64_t)block * a->logits_by.block * LANES,
                *label = at(base, a->labels) + (int64_t)block * LANES;
    float *slopes = at(base, a->dlogits) + (int64_t)block * a->dlogits_by.block * LANES;
    int64_t logit_step = (int64_t)a->logits_by.class * LANES, slope_step = (int64_t)a->dlogits_by.class * LANES;
    for (int lane = 0; lane < LANES; lane += VL) {
      vec top = load(logits + lane), best = splat(0), sum = splat(0), all = splat(0), labelled = splat(0),
          answer = loadu(label + lane);
      for (int candidate = 1; candidate < classes; candidate++) {
        vec logit = load(logits + candidate * logit_step + lane);
        ivec better = logit > top;
        top = choose(better, logit, top);
        best = choose(better, splat(candidate), best);
      }
      for (int candidate = 0; candidate < classes; candidate++) {
        vec logit = load(logits + candidate * logit_step + lane) - top, power = vexp(logit);
        sum += power;
        all += logit;
        labelled += choose(answer == splat(candidate), logit, splat(0));
        store(slopes + candidate * slope_step + lane, power);
      }
      vec log_sum = vlog(sum);
      vec each = (log_sum - labelled) * (1 - smooth) + (log_sum - all * (1.0f / classes)) * smooth;
      ivec live;
      for (int i = 0; i < VL; i++) live[i] = block * LANES + lane + i < valid ? -1 : 0;
      for (int candidate = 0; candidate < classes; candidate++) {
        vec probability = load(slopes + candidate * slope_step + lane) / sum -
                          choose(answer == splat(candidate), splat(1 - smooth), splat(0)) - smooth / classes;
        store(slopes + candidate * slope_step + lane, choose(live, probability * (1 / samples), splat(0)));
      }
      if (a->teacher >= 0) {
        float weight = a->weight;
        each = each * (1 - weight) +
               distil(a, base, block * LANES + lane, logits + lane, slopes + lane, live, samples) * weight;
      }
      for (int i = 0; i < VL; i++)
        if (live[i]) loss += each[i], correct += best[i] == answer[i];
    }
  }
  *at(base, a->loss) = loss / samples;
  *at(base, a->correct) = correct;
}
