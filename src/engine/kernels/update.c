/*
 * Optimisers, with the mask in the same pass: a pruned weight and its state are exactly 0 after every step.
 *
 * Item k does the k-th run of UPDATE_RUN elements. States below 1e-30 are taken as 0: sub-normal numbers make everything slow.
 */
#define TINY 1e-30f

INLINE vec flushed(vec x) { return choose(vabs(x) < splat(TINY), splat(0), x); }

#define EACH_ELEMENT                                                                                                 \
  float *weights = at(base, a->weight), *first = at(base, a->first);                                                 \
  const float *gradients = at(base, a->gradient), *mask = at(base, a->mask), *hyper = at(base, a->hyper);            \
  int64_t from = (int64_t)item * UPDATE_RUN, to = from + UPDATE_RUN < a->elements ? from + UPDATE_RUN : a->elements; \
  for (int64_t i = from; i < to; i += VL)

/* What update.ts writes to `hyper`: η, λ, µ, Nesterov (0 or 1), factor on the gradient. */
enum { SGD_RATE, SGD_DECAY, SGD_MOMENTUM, SGD_NESTEROV, SGD_FACTOR };

/* Stochastic gradient descent as PyTorch has it: g ← g + λw, v ← µv + g, w ← w − η(v, or with Nesterov g + µv). */
KERNEL(sgd) {
  EACH_ELEMENT {
    vec weight = load(weights + i), keep = load(mask + i),
        gradient = load(gradients + i) * hyper[SGD_FACTOR] + weight * hyper[SGD_DECAY];
    vec velocity = flushed((load(first + i) * hyper[SGD_MOMENTUM] + gradient) * keep);
    vec step = hyper[SGD_NESTEROV] != 0 ? gradient + velocity * hyper[SGD_MOMENTUM] : velocity;
    store(weights + i, (weight - step * hyper[SGD_RATE]) * keep);
    store(first + i, velocity);
  }
}

/*
 * The same for adam: η, λ, β1, β2, ε, 1−β1^t, √(1−β2^t), decoupled (0: λw joins the gradient; 1: w shrinks by ηλ), factor on the
 * gradient.
 */
enum {
  ADAM_RATE,
  ADAM_DECAY,
  ADAM_BETA1,
  ADAM_BETA2,
  ADAM_EPSILON,
  ADAM_CORRECTION1,
  ADAM_CORRECTION2,
  ADAM_DECOUPLED,
  ADAM_FACTOR
};

/* Adam (Kingma, Ba 2015) and AdamW (Loshchilov, Hutter 2019) as PyTorch has them. */
KERNEL(adam) {
  float *second = at(base, a->second);
  EACH_ELEMENT {
    vec weight = load(weights + i), keep = load(mask + i), gradient = load(gradients + i) * hyper[ADAM_FACTOR];
    if (hyper[ADAM_DECOUPLED] != 0) weight = weight * (1 - hyper[ADAM_RATE] * hyper[ADAM_DECAY]);
    else gradient += weight * hyper[ADAM_DECAY];
    vec mean = flushed((load(first + i) * hyper[ADAM_BETA1] + gradient * (1 - hyper[ADAM_BETA1])) * keep);
    vec square = flushed((load(second + i) * hyper[ADAM_BETA2] + gradient * gradient * (1 - hyper[ADAM_BETA2])) * keep);
    vec step = mean / (vsqrt(square) / hyper[ADAM_CORRECTION2] + hyper[ADAM_EPSILON]);
    store(weights + i, (weight - step * (hyper[ADAM_RATE] / hyper[ADAM_CORRECTION1])) * keep);
    store(first + i, mean);
    store(second + i, square);
  }
}

/* Gradients of the parts of a batch: sum += gradient. */
KERNEL(accumulate) {
  float *sum = at(base, a->sum);
  const float *gradients = at(base, a->gradient);
  int64_t from = (int64_t)item * UPDATE_RUN, to = from + UPDATE_RUN < a->elements ? from + UPDATE_RUN : a->elements;
  for (int64_t i = from; i < to; i += VL) store(sum + i, load(sum + i) + load(gradients + i));
}

/* Σ x² of what the mask keeps in each run of UPDATE_RUN elements, in double precision. */
KERNEL(square_sum) {
  const float *x = at(base, a->x), *mask = at(base, a->mask);
  double *sums = (double *)at(base, a->sums), total = 0;
  int64_t from = (int64_t)item * UPDATE_RUN, to = from + UPDATE_RUN < a->elements ? from + UPDATE_RUN : a->elements;
  for (int64_t i = from; i < to; i++) total += mask[i] != 0 ? (double)x[i] * x[i] : 0;
  sums[item] = total;
}
