/*
 * The kernels, one translation unit for both targets. To add one: write its file, include it, name it in INFERENCE or TRAINING.
 * Programs refer to kernels by their place in the list; the host reads the names from `espalier_kernel_names`.
 */
#include "base.h"
#include "fill.c"
#include "conv.c"
#include "map.c"
#include "winograd.c"
#include "sparse.c"
#include "pool.c"
#include "normalize.c"
#include "loss.c"
#include "update.c"
#include "clip.c"
#include "rank.c"
#include "matmul.c"
#include "uniform.c"
#include "plane.c"
#include "single.c"
#include "rows.c"

/* Those that inference needs; and those that training needs besides, which a module for inference alone is built without. */
#define INFERENCE(K) K(fill) K(conv) K(conv_pack) K(map) K(max_pool) K(positions) K(normalize) K(matmul) K(gather) \
  K(scatter_sum) K(uniform) K(plane_sparse) K(plane_dense) K(plane_phases) K(plane_max) K(linear) \
  K(plane_points) K(plane_sum) K(blend) K(linear_sparse) K(copy) K(product) \
  K(map_rows) K(lookup)
#define TRAINING(K) K(conv_weight) K(winograd) K(winograd_pack) \
  K(winograd_weight) K(winograd_weight_sum) K(conv_sparse) K(conv_weight_sparse) K(sum_parts) K(max_pool_input) K(normalize_input) \
  K(cross_entropy) K(sgd) K(adam) K(accumulate) K(square_sum) K(clip_sum) K(clip) K(magnitude_counts) K(magnitude_marks)

#ifdef ESPALIER_INFERENCE
#define KERNELS(K) INFERENCE(K)
#else
#define KERNELS(K) INFERENCE(K) TRAINING(K)
#endif

#define ENTRY(name) name,
static kernel *const kernels[] = {KERNELS(ENTRY)};
#define NAME(name) #name ","
/* What depends on the instruction set and the lowering must know. */
#define CONSTANTS(K) K(CONV_MR) K(CW_MO)
#define VALUE(name) #name "=" DIGITS(name) ","
#define DIGITS(value) #value
/* The kernels; in the next line the constants; then the formulas of map, each after a new line. */
static const char kernel_names[] = KERNELS(NAME) "\n" CONSTANTS(VALUE) FORMULA_NAMES;

#include "program.c"
