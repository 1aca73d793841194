/*
 * The kernels, one translation unit for both targets. To add one: write its file, include it here, and describe it in
 * contract.yaml, whence arguments.h is written. Programs refer to kernels by their place in the list.
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

#ifdef ESPALIER_INFERENCE
#define KERNELS(K) INFERENCE(K)
#else
#define KERNELS(K) INFERENCE(K) TRAINING(K)
#endif

#define ENTRY(name) name,
static kernel *const kernels[] = {KERNELS(ENTRY)};
#define NAME(name) #name ","
#define VALUE(name) #name "=" DIGITS(name) ","
#define DIGITS(value) #value
/* The kernels; in the next line what follows from the instruction set; then the formulas of map, each after a new line. */
static const char kernel_names[] = KERNELS(NAME) "\n" TOLD(VALUE) FORMULA_NAMES;
static const char kernel_contract[] = CONTRACT;

#include "program.c"
