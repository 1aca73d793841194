/*
 * Optimisers, with the mask in the same pass: a pruned weight and its state are exactly 0 after every step.
 *
 * Item k does the k-th run of UPDATE_RUN elements. States below 1e-30 are taken as 0: sub-normal numbers make everything slow.
 */
#define TINY 1e-30f

INLINE vec flushed(vec x) { return choose(vabs(x) < splat(TINY), splat(0), x); }

#define EACH_ELEMENT                                                                                                 \
  float *w = at(base, a->weight), *v = at(base, a->first);                                                           \
  const float *g = at(base, a->gradient), *mask = at(base, a->mask), *hyper = at(base, a->hyper);                    \
  int64_t from = (int64_t)item * UPDATE_RUN, to = from + UPDATE_RUN < a->elements ? from + UPDATE_RUN : a->elements; \
  for (int64_t i = from; i < to; i += VL)

/*
 * Stochastic gradient descent as PyTorch has it: g ← g + λw, v ← µv + g, w ← w − η(v, or with Nesterov g + µv).
 * hyper: η, λ, µ, Nesterov (0 or 1), factor on the gradient.
 */
KERNEL(sgd) {
  EACH_ELEMENT {
    vec weight = load(w + i), keep = load(mask + i), gradient = load(g + i) * hyper[4] + weight * hyper[1];
    vec velocity = flushed((load(v + i) * hyper[2] + gradient) * keep);
    vec step = hyper[3] != 0 ? gradient + velocity * hyper[2] : velocity;
    store(w + i, (weight - step * hyper[0]) * keep);
    store(v + i, velocity);
  }
}

/*
 * Adam (Kingma, Ba 2015) and AdamW (Loshchilov, Hutter 2019) as PyTorch has them.
 * hyper: η, λ, β1, β2, ε, 1−β1^t, √(1−β2^t), decoupled (0: λw joins the gradient; 1: w shrinks by ηλ),
 * factor on the gradient.
 */
KERNEL(adam) {
  float *second = at(base, a->second);
  EACH_ELEMENT {
    vec weight = load(w + i), keep = load(mask + i), gradient = load(g + i) * hyper[8];
    if (hyper[7] != 0) weight = weight * (1 - hyper[0] * hyper[1]);
    else gradient += weight * hyper[1];
    vec m = flushed((load(v + i) * hyper[2] + gradient * (1 - hyper[2])) * keep);
    vec s = flushed((load(second + i) * hyper[3] + gradient * gradient * (1 - hyper[3])) * keep);
    vec step = m / (vsqrt(s) / hyper[6] + hyper[4]);
    store(w + i, (weight - step * (hyper[0] / hyper[5])) * keep);
    store(v + i, m);
    store(second + i, s);
  }
}

/* Gradients of the parts of a batch: sum += gradient. */
KERNEL(accumulate) {
  float *sum = at(base, a->sum);
  const float *g = at(base, a->gradient);
  int64_t from = (int64_t)item * UPDATE_RUN, to = from + UPDATE_RUN < a->elements ? from + UPDATE_RUN : a->elements;
  for (int64_t i = from; i < to; i += VL) store(sum + i, load(sum + i) + load(g + i));
}

/* Σ x² of what the mask keeps in each run of UPDATE_RUN elements, in double precision. */
KERNEL(square_sum) {
  const float *x = at(base, a->x), *mask = at(base, a->mask);
  double *sums = (double *)at(base, a->sums), total = 0;
  int64_t from = (int64_t)item * UPDATE_RUN, to = from + UPDATE_RUN < a->elements ? from + UPDATE_RUN : a->elements;
  for (int64_t i = from; i < to; i++) total += mask[i] != 0 ? (double)x[i] * x[i] : 0;
  sums[item] = total;
}
