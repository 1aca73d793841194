/* Written by scripts/build-contract.mjs from contract.yaml: not to be edited. */
#ifndef ESPALIER_ARGUMENTS_H
#define ESPALIER_ARGUMENTS_H

#define LANES 16 /* samples side by side in a line */
#define PROGRAM_HEAD 4 /* words before a program's first step; the first says how many steps */
#define NO_BARRIER 1 /* flag of a step that the next one does not depend on */
#define MOST_NESTED 4 /* loops of a program inside one another at most */
#define FILL_RUN 16384 /* floats of an item of fill and of sum_parts */
#define UNIFORM_RUN 8192 /* numbers of an item of uniform */
#define UPDATE_RUN 8192 /* elements of an item of what optimisers do */
#define CLIP_RUN 65536 /* elements of an item of clip */
#define RANK_RUN 262144 /* elements of an item of magnitude_counts */
#define RANK_BINS 2048 /* bins that magnitudes are counted in */
#define RANK_COUNTS 2049 /* counts of a run; the last is of magnitudes above all bins */
#define MAP_REGISTERS 24 /* registers of map */
#define MAP_ROW_AXES 4 /* outer axes of map */
#define MAP_INNER_AXES 3 /* inner axes of map */
#define MAP_RESULTS 4 /* results of one pass at most */
#define MAP_OPERANDS 8 /* operands of one pass at most; formulas have a letter for each */
#define WINO_TILE 4 /* outputs of Winograd's tile along an axis */
#define WINO_POINTS 36 /* points of its transform */
#define SPARSE_WEIGHT_WORDS 3 /* words of a weight that conv_sparse has listed */
#define SPARSE_TERM_WORDS 2 /* words of its term for a class of pixels, and of a sum of conv_weight_sparse */
#define PLANE_TILE 12 /* vectors of a tile of plane_sparse and of plane_max at most */
#define LINEAR_ROWS 16 /* outputs of an item of linear */
#define SUM_CHANNELS 64 /* channels of an item of plane_sum */
#define BLEND_ROWS 512 /* rows of an item of blend */
#define LOOKUPS 64 /* indices of an item of lookup */
#define COPY_ROW_AXES 4 /* outer axes of copy */
#define COPY_AXES 6 /* axes of copy */
#define PRODUCT_COLUMNS 2 /* registers of columns of an item of product */

INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* Functions of map, and how its results are made. */
enum { F_CONST, F_COPY, F_NEG, F_ABS, F_EXP, F_LOG, F_SQRT, F_SIGMOID, F_TANH, F_ERF, F_RELU, F_FLOOR, F_CEIL, F_ROUND, F_SIGN, F_SIN, F_COS, F_ADD, F_SUB, F_MUL, F_DIV, F_MAX, F_MIN, F_POW, F_GREATER, F_GREATER_EQUAL, F_EQUAL, F_CHOOSE, F_FMA, F_GATE };
enum { MAP_STORE, MAP_SUM, MAP_MAX };

typedef struct {
  int32_t channel;
  int32_t block;
  int32_t group;
} image_strides;

typedef struct {
  int32_t row;
  int32_t block;
} row_strides;

typedef struct {
  int32_t class;
  int32_t block;
} class_strides;

typedef struct {
  int32_t group;
  int32_t output;
  int32_t channel;
} weight_strides;

typedef struct {
  int32_t leading;
  int32_t row;
  int32_t column;
  int32_t block;
} matrix_strides;

typedef struct {
  int32_t row;
  int32_t position;
  int32_t inner;
  int32_t block;
} position_strides;

typedef struct {
  int32_t channel; /* lines from channel to channel */
  int32_t block;
  int32_t row;
  int32_t column;
  int32_t height; /* pixels */
  int32_t width;
} image;

typedef struct {
  int32_t line; /* read */
  int32_t offset; /* lines where laned, else floats, as the strides */
  int32_t plain; /* 1 where one number serves all samples */
  int32_t strides[7];
} map_operand;

typedef struct {
  int32_t line; /* write */
  int32_t offset;
  int32_t plain;
  int32_t strides[7];
  int32_t from; /* register */
  int32_t how; /* one of the results */
  int32_t across; /* whether lanes are reduced, too */
} map_output;

typedef struct {
  int32_t function;
  int32_t to; /* register */
  int32_t a; /* register, or the constant */
  int32_t b;
  int32_t c;
} map_instruction;

typedef struct {
  int32_t step; /* of the body, counted from 0 */
  int32_t word; /* of its arguments */
  int32_t by; /* what is added to it from one round to the next */
} move;

typedef struct {
  int32_t words; /* length of the step, these included */
  int32_t kernel;
  int32_t items;
  int32_t flags;
  int32_t taken; /* items handed out so far */
} step_head;

/* The arguments of each kernel: words of a step. A line is where a buffer begins. */
typedef struct {
  int32_t moves; /* how many */
  int32_t steps; /* that follow and are the body */
  int32_t times; /* at least 1 */
} repeat_arguments;
INLINE const move *repeat_moves(const repeat_arguments *a) { return (const move *)(a + 1); }

typedef struct {
  int32_t target; /* write */
  int32_t floats;
  float value;
} fill_arguments;

typedef struct {
  int32_t x; /* read */
  int32_t y; /* write */
  int32_t weights; /* read: as conv_pack leaves them */
  int32_t bias; /* read, or −1: one for each output */
  int32_t table; /* read: classes of pixels */
  int32_t channels; /* per group */
  int32_t outputs; /* per group */
  int32_t groups;
  int32_t window; /* weights for a pair of channels */
  int32_t height; /* outputs of a register tile */
  image_strides x_by;
  image_strides y_by;
  int32_t blocks;
  int32_t blocks_per_item;
  int32_t tiles_per_item;
} conv_arguments;

typedef struct {
  int32_t weights; /* read */
  int32_t offset; /* floats */
  int32_t packed; /* write */
  int32_t counts; /* write: of each item the weights that are not 0 */
  int32_t channels; /* per group */
  int32_t outputs; /* per group */
  int32_t groups;
  int32_t window;
  int32_t height;
  weight_strides by;
} conv_pack_arguments;

typedef struct {
  int32_t operands; /* how many */
  int32_t outputs; /* how many */
  int32_t instructions; /* how many */
  int32_t rows_per_item;
  int32_t valid; /* read, or −1: how many samples count; missing where all lanes do */
  int32_t plain; /* 1 where no operand is laned */
  int32_t block_axis; /* the axis that runs over blocks of samples, or −1 */
  int32_t elements; /* of the innermost axis where plain */
  int32_t formula; /* its number in formulas.c, or −1 */
  int32_t sizes[7];
} map_arguments;
INLINE const map_operand *map_operands(const map_arguments *a) { return (const map_operand *)(a + 1); }
INLINE const map_output *map_outputs(const map_arguments *a) { return (const map_output *)(map_operands(a) + a->operands); }
INLINE const map_instruction *map_instructions(const map_arguments *a) { return (const map_instruction *)(map_outputs(a) + a->outputs); }

typedef struct {
  int32_t x; /* read */
  int32_t y; /* write */
  int32_t winner; /* write: which of a position's entries is the largest */
  int32_t start; /* read: where the entries of each position start */
  int32_t from; /* read: lines from a row's begin, entry by entry */
  int32_t to; /* read: lines from a row's begin, position by position */
  int32_t rows; /* of a block */
  int32_t positions;
  int32_t rows_per_item;
  row_strides x_by;
  row_strides y_by;
  row_strides winner_by;
  int32_t blocks;
} max_pool_arguments;

typedef struct {
  int32_t x; /* read */
  int32_t y; /* write */
  int32_t start; /* read */
  int32_t from; /* read */
  int32_t weight; /* read */
  int32_t rows; /* of a block */
  int32_t positions;
  int32_t inner;
  int32_t rows_per_item;
  position_strides x_by;
  position_strides y_by;
  int32_t blocks;
} positions_arguments;

typedef struct {
  int32_t x; /* read */
  int32_t scale; /* read */
  int32_t bias; /* read */
  int32_t running_mean; /* update */
  int32_t running_variance; /* update */
  int32_t a; /* write */
  int32_t b; /* write */
  int32_t mean; /* write */
  int32_t inverse; /* write */
  int32_t valid; /* read */
  int32_t x_channel; /* lines */
  int32_t x_block;
  int32_t x_pixel;
  int32_t channels;
  int32_t blocks;
  int32_t pixels;
  float epsilon;
  float momentum;
} normalize_arguments;

typedef struct {
  int32_t a; /* read */
  int32_t b; /* read */
  int32_t c; /* write */
  int32_t a_laned;
  int32_t b_laned;
  int32_t leading;
  int32_t rows;
  int32_t inner;
  int32_t columns;
  matrix_strides a_by;
  matrix_strides b_by;
  matrix_strides c_by;
  int32_t blocks;
} matmul_arguments;

typedef struct {
  int32_t table; /* read */
  int32_t index; /* read */
  int32_t y; /* write */
  int32_t rows;
  int32_t width;
  int32_t count;
  int32_t table_row; /* floats */
  int32_t table_column;
  int32_t index_step; /* lines */
  int32_t index_block;
  int32_t y_step;
  int32_t y_column;
  int32_t y_block;
  int32_t blocks;
} gather_arguments;

typedef struct {
  int32_t table; /* write */
  int32_t index; /* read */
  int32_t dy; /* read */
  int32_t valid; /* read */
  int32_t rows;
  int32_t width;
  int32_t count;
  int32_t index_step; /* lines */
  int32_t index_block;
  int32_t dy_step;
  int32_t dy_column;
  int32_t dy_block;
  int32_t blocks;
} scatter_sum_arguments;

typedef struct {
  int32_t target; /* write */
  int32_t seed; /* read: two integers, seed and step */
  int32_t stream;
  int32_t elements;
} uniform_arguments;

typedef struct {
  int32_t x; /* read: the first pixel of channel 0, as everywhere in planes */
  int32_t y; /* write */
  int32_t residual; /* read, or −1 */
  int32_t residual_offsets; /* read, or −1: floats, −1 for outputs without */
  int32_t terms; /* read: distances and values */
  int32_t starts; /* read: where the terms of each output start */
  int32_t bias; /* read */
  int32_t tiles; /* read */
  int32_t cuts; /* read: of each item the range of its tiles and that of its outputs */
  int32_t mask; /* read, or −1: missing where every float is a pixel */
  int32_t tile_count;
  int32_t cut_count;
  int32_t y_channel; /* floats */
  int32_t run; /* floats that tiles store */
  int32_t margin; /* floats */
  float low;
  float high;
} plane_sparse_arguments;

typedef struct {
  int32_t x; /* read */
  int32_t y; /* write */
  int32_t residual; /* read, or −1 */
  int32_t residual_offsets; /* read, or −1 */
  int32_t weights; /* read */
  int32_t distances; /* read: of each tap, group by group */
  int32_t bias; /* read */
  int32_t tiles; /* read */
  int32_t cuts; /* read: of each item the range of its tiles and that of its blocks */
  int32_t mask; /* read, or −1 */
  int32_t tile_count;
  int32_t cut_count;
  int32_t y_channel;
  int32_t run;
  int32_t margin;
  int32_t taps;
  int32_t group; /* outputs of a group */
  int32_t blocks; /* of a group */
  float low;
  float high;
} plane_dense_arguments;

typedef struct {
  int32_t x; /* read */
  int32_t y; /* write */
  int32_t residual; /* read, or −1 */
  int32_t residual_offsets; /* read, or −1 */
  int32_t weights; /* read */
  int32_t distances; /* read */
  int32_t bias; /* read */
  int32_t tiles; /* read */
  int32_t cuts; /* read */
  int32_t cut_count;
  int32_t y_channel;
  int32_t run;
  int32_t margin;
  int32_t taps;
  int32_t outputs;
  int32_t x_row; /* floats */
  int32_t y_row;
  float low;
  float high;
} plane_points_arguments;

typedef struct {
  int32_t x; /* read */
  int32_t y; /* write */
  int32_t distances; /* read */
  int32_t tiles; /* read */
  int32_t cuts; /* read */
  int32_t mask; /* read, or −1 */
  int32_t tile_count;
  int32_t cut_count;
  int32_t x_channel; /* floats */
  int32_t y_channel;
  int32_t run;
  int32_t margin;
  int32_t taps;
} plane_max_arguments;

typedef struct {
  int32_t x; /* read */
  int32_t x_offset; /* floats */
  int32_t y; /* write */
  int32_t channels;
  int32_t height;
  int32_t width;
  int32_t sy;
  int32_t sx;
  int32_t x_channel; /* floats */
  int32_t x_row;
  int32_t y_plane;
  int32_t y_row;
  int32_t rows; /* of a plane */
  int32_t run;
  int32_t margin;
  float fill;
} plane_phases_arguments;

typedef struct {
  int32_t x; /* read */
  int32_t x_offset; /* floats */
  int32_t y; /* write */
  int32_t weights; /* read: row by row */
  int32_t bias; /* read */
  int32_t inputs;
  int32_t outputs;
  float low;
  float high;
} linear_arguments;

typedef struct {
  int32_t x; /* read */
  int32_t x_offset; /* floats */
  int32_t y; /* write */
  int32_t terms; /* read: places and values */
  int32_t starts; /* read */
  int32_t bias; /* read */
  int32_t outputs;
  float low;
  float high;
} linear_sparse_arguments;

typedef struct {
  int32_t x; /* read */
  int32_t y; /* write */
  int32_t channels;
  int32_t x_channel; /* floats */
  int32_t run; /* floats, whole lines */
  float factor;
} plane_sum_arguments;

typedef struct {
  int32_t x; /* read */
  int32_t y; /* write */
  int32_t start; /* read */
  int32_t from; /* read */
  int32_t weight; /* read */
  int32_t rows; /* of y in all */
  int32_t positions;
  int32_t inner; /* floats of a row */
  int32_t x_row; /* floats */
} blend_arguments;

typedef struct {
  int32_t x; /* read */
  int32_t x_offset; /* floats */
  int32_t y; /* write */
  int32_t y_offset;
  int32_t rows_per_item;
  int32_t sizes[6];
  int32_t x_strides[6];
  int32_t y_strides[6];
} copy_arguments;

typedef struct {
  int32_t a; /* read */
  int32_t a_offset; /* floats */
  int32_t b; /* read */
  int32_t b_offset;
  int32_t c; /* write: without gaps */
  int32_t leading;
  int32_t rows;
  int32_t inner;
  int32_t columns;
  int32_t a_leading; /* floats */
  int32_t a_row;
  int32_t a_inner;
  int32_t b_leading;
  int32_t b_row;
} product_arguments;

typedef map_arguments map_rows_arguments;

typedef struct {
  int32_t table; /* read: row by row */
  int32_t index; /* read */
  int32_t index_offset; /* floats */
  int32_t y; /* write */
  int32_t rows;
  int32_t width;
  int32_t count;
  int32_t index_step;
} lookup_arguments;

typedef struct {
  int32_t x; /* read */
  int32_t dy; /* read */
  int32_t dw; /* write */
  int32_t table; /* read */
  int32_t mask; /* read, or −1 */
  int32_t every; /* read: whether gradients of pruned weights are wanted */
  int32_t counts; /* write, or −1: of each item the weights that the mask keeps; missing without a mask */
  int32_t channels; /* per group */
  int32_t outputs; /* per group */
  int32_t groups;
  int32_t window;
  image_strides x_by;
  image_strides dy_by;
  int32_t blocks;
  int32_t blocks_per_part;
  int32_t run; /* channels of an item */
  int32_t scratch; /* of each thread, thread by thread */
} conv_weight_arguments;
INLINE int64_t conv_weight_scratch(const void *arguments) {
  const conv_weight_arguments *a = arguments;
  return (void)a, CW_MO * (int64_t)a->run * (int64_t)a->window;
}

typedef struct {
  int32_t x; /* read */
  int32_t y; /* write */
  int32_t filters; /* read: as winograd_pack leaves them */
  int32_t bias; /* read, or −1 */
  int32_t channels;
  int32_t outputs;
  int32_t height; /* outputs of a register tile */
  int32_t point; /* floats from a point's filters to those of the next */
  image x_image;
  image y_image;
  int32_t top;
  int32_t left;
  int32_t blocks;
  int32_t spots; /* of an item */
  int32_t run; /* outputs of an item, a multiple of height */
  int32_t scratch; /* of each thread, thread by thread */
} winograd_arguments;
INLINE int64_t winograd_scratch(const void *arguments) {
  const winograd_arguments *a = arguments;
  return (void)a, WINO_POINTS * ((int64_t)a->channels * (int64_t)a->spots + 1 + (int64_t)a->run * (int64_t)a->spots + 1);
}

typedef struct {
  int32_t weights; /* read */
  int32_t offset; /* floats */
  int32_t filters; /* write */
  int32_t channels;
  int32_t outputs;
  int32_t height;
  int32_t point;
  int32_t by_output; /* floats */
  int32_t by_channel;
  int32_t turned; /* 1 where the window is turned round */
} winograd_pack_arguments;

typedef struct {
  int32_t x; /* read */
  int32_t dy; /* read */
  int32_t sums; /* write: part by part */
  int32_t channels;
  int32_t outputs;
  image x_image;
  image dy_image;
  int32_t top;
  int32_t left;
  int32_t blocks;
  int32_t spots; /* at a time */
  int32_t spots_per_part;
  int32_t run; /* outputs of an item */
  int32_t scratch; /* of each thread, thread by thread */
} winograd_weight_arguments;
INLINE int64_t winograd_weight_scratch(const void *arguments) {
  const winograd_weight_arguments *a = arguments;
  return (void)a, WINO_POINTS * ((int64_t)a->spots * ceil_div((int64_t)a->channels, LANES) * LANES + 1 + (int64_t)a->run * (int64_t)a->spots + 1 + LANES + 1);
}

typedef struct {
  int32_t sums; /* read */
  int32_t dw; /* write */
  int32_t mask; /* read, or −1 */
  int32_t every; /* read */
  int32_t channels;
  int32_t outputs;
  int32_t parts;
} winograd_weight_sum_arguments;

typedef struct {
  int32_t x; /* read */
  int32_t y; /* write */
  int32_t weights; /* read */
  int32_t offset; /* floats */
  int32_t bias; /* read, or −1 */
  int32_t table; /* read */
  int32_t counts; /* write: of each tile the weights that are not 0 */
  int32_t channels; /* per group */
  int32_t outputs; /* per group */
  int32_t groups;
  int32_t window;
  int32_t tile; /* outputs of an item */
  image_strides x_by;
  image_strides y_by;
  int32_t blocks;
  int32_t blocks_per_item;
  weight_strides by;
  int32_t backwards; /* 1 where taps are taken from the last on */
  int32_t scratch; /* of each thread, thread by thread */
} conv_sparse_arguments;
INLINE int64_t conv_sparse_scratch(const void *arguments) {
  const conv_sparse_arguments *a = arguments;
  return (void)a, ceil_div(2 * (int64_t)a->tile + (int64_t)a->window + (int64_t)a->tile * (int64_t)a->channels * (int64_t)a->window * (SPARSE_WEIGHT_WORDS + SPARSE_TERM_WORDS), LANES);
}

typedef struct {
  int32_t x; /* read */
  int32_t dy; /* read */
  int32_t parts; /* write: part by part; dw itself where there is one */
  int32_t mask; /* read */
  int32_t table; /* read */
  int32_t counts; /* write: of each run of channels of a group the weights that the mask keeps */
  int32_t channels; /* per group */
  int32_t outputs; /* per group */
  int32_t groups;
  int32_t window;
  image_strides x_by;
  image_strides dy_by;
  int32_t blocks;
  int32_t blocks_per_part;
  int32_t run; /* channels of an item */
  int32_t room; /* weights at once */
  int32_t scratch; /* of each thread, thread by thread */
} conv_weight_sparse_arguments;
INLINE int64_t conv_weight_sparse_scratch(const void *arguments) {
  const conv_weight_sparse_arguments *a = arguments;
  return (void)a, (int64_t)a->room + ceil_div(2 * (int64_t)a->room * SPARSE_TERM_WORDS + 2 * (int64_t)a->outputs + (int64_t)a->window, LANES);
}

typedef struct {
  int32_t dw; /* write */
  int32_t parts; /* read */
  int32_t count;
  int32_t elements;
} sum_parts_arguments;

typedef struct {
  int32_t dx; /* write */
  int32_t dy; /* read */
  int32_t winner; /* read */
  int32_t start; /* read */
  int32_t from; /* read */
  int32_t to; /* read */
  int32_t taps; /* read: of each entry its position's line among the winners, and which of its entries it is */
  int32_t rows;
  int32_t positions; /* of dx */
  int32_t rows_per_item;
  row_strides dx_by;
  row_strides dy_by;
  row_strides winner_by;
  int32_t blocks;
} max_pool_input_arguments;

typedef struct {
  int32_t sum; /* read: Σdy */
  int32_t product; /* read: Σdy·x̂ */
  int32_t a; /* read */
  int32_t mean; /* read */
  int32_t inverse; /* read */
  int32_t p; /* write */
  int32_t q; /* write */
  int32_t valid; /* read */
  int32_t channels;
  int32_t pixels;
} normalize_input_arguments;

typedef struct {
  int32_t logits; /* read */
  int32_t labels; /* read: a line a block */
  int32_t loss; /* write */
  int32_t correct; /* write */
  int32_t dlogits; /* write */
  int32_t valid; /* read */
  int32_t whole; /* read: samples of the whole batch */
  int32_t teacher; /* read, or −1: its logits */
  int32_t classes;
  int32_t blocks;
  class_strides logits_by;
  class_strides dlogits_by;
  class_strides teacher_by;
  float smoothing;
  float temperature;
  float weight; /* of the teacher */
} cross_entropy_arguments;

typedef struct {
  int32_t weight; /* update */
  int32_t gradient; /* read */
  int32_t first; /* update: velocity */
  int32_t mask; /* read */
  int32_t hyper; /* read */
  int32_t elements;
} sgd_arguments;

typedef struct {
  int32_t weight; /* update */
  int32_t gradient; /* read */
  int32_t first; /* update */
  int32_t second; /* update */
  int32_t mask; /* read */
  int32_t hyper; /* read */
  int32_t elements;
} adam_arguments;

typedef struct {
  int32_t sum; /* update */
  int32_t gradient; /* read */
  int32_t elements;
} accumulate_arguments;

typedef struct {
  int32_t x; /* read */
  int32_t mask; /* read */
  int32_t sums; /* write: doubles, one for each item */
  int32_t elements;
} square_sum_arguments;

typedef struct {
  int32_t z; /* read */
  int32_t v; /* read: a double */
  int32_t results; /* write: two doubles for each item */
  int32_t elements;
} clip_sum_arguments;

typedef struct {
  int32_t z; /* update */
  int32_t v; /* read */
  int32_t elements;
} clip_arguments;

typedef struct {
  int32_t values; /* read */
  int32_t window; /* read: base and shift */
  int32_t counts; /* write: RANK_COUNTS for each item */
  int32_t elements;
} magnitude_counts_arguments;

typedef struct {
  int32_t values; /* read */
  int32_t marks; /* write */
  int32_t kth; /* read: bits */
  int32_t quotas; /* read: one for each item */
  int32_t elements;
} magnitude_marks_arguments;

/* Kernels that inference needs, and those that training needs besides. */
#define INFERENCE(K) K(repeat) K(fill) K(conv) K(conv_pack) K(map) K(max_pool) K(positions) K(normalize) K(matmul) K(gather) K(scatter_sum) K(uniform) K(plane_sparse) K(plane_dense) K(plane_points) K(plane_max) K(plane_phases) K(linear) K(linear_sparse) K(plane_sum) K(blend) K(copy) K(product) K(map_rows) K(lookup)
#define TRAINING(K) K(conv_weight) K(winograd) K(winograd_pack) K(winograd_weight) K(winograd_weight_sum) K(conv_sparse) K(conv_weight_sparse) K(sum_parts) K(max_pool_input) K(normalize_input) K(cross_entropy) K(sgd) K(adam) K(accumulate) K(square_sum) K(clip_sum) K(clip) K(magnitude_counts) K(magnitude_marks)

/* What follows from the instruction set. */
#define TOLD(K) K(VL) K(CONV_MR) K(CW_MO) K(PLANE_MR) K(PLANE_NV) K(PLANE_POINTS) K(CHECKED)

#define CONTRACT \
  "LANES=16\n" \
  "PROGRAM_HEAD=4\n" \
  "NO_BARRIER=1\n" \
  "MOST_NESTED=4\n" \
  "FILL_RUN=16384\n" \
  "UNIFORM_RUN=8192\n" \
  "UPDATE_RUN=8192\n" \
  "CLIP_RUN=65536\n" \
  "RANK_RUN=262144\n" \
  "RANK_BINS=2048\n" \
  "RANK_COUNTS=2049\n" \
  "MAP_REGISTERS=24\n" \
  "MAP_ROW_AXES=4\n" \
  "MAP_INNER_AXES=3\n" \
  "MAP_RESULTS=4\n" \
  "MAP_OPERANDS=8\n" \
  "WINO_TILE=4\n" \
  "WINO_POINTS=36\n" \
  "SPARSE_WEIGHT_WORDS=3\n" \
  "SPARSE_TERM_WORDS=2\n" \
  "PLANE_TILE=12\n" \
  "LINEAR_ROWS=16\n" \
  "SUM_CHANNELS=64\n" \
  "BLEND_ROWS=512\n" \
  "LOOKUPS=64\n" \
  "COPY_ROW_AXES=4\n" \
  "COPY_AXES=6\n" \
  "PRODUCT_COLUMNS=2\n" \
  "told VL CONV_MR CW_MO PLANE_MR PLANE_NV PLANE_POINTS CHECKED\n" \
  "functions const copy neg abs exp log sqrt sigmoid tanh erf relu floor ceil round sign sin cos add sub mul div max min pow greater greater_equal equal choose fma gate\n" \
  "results store sum max\n" \
  "record image_strides(channel:int block:int group:int)\n" \
  "record row_strides(row:int block:int)\n" \
  "record class_strides(class:int block:int)\n" \
  "record weight_strides(group:int output:int channel:int)\n" \
  "record matrix_strides(leading:int row:int column:int block:int)\n" \
  "record position_strides(row:int position:int inner:int block:int)\n" \
  "record image(channel:int block:int row:int column:int height:int width:int)\n" \
  "record map_operand(line:read offset:int plain:int strides:int[7])\n" \
  "record map_output(line:write offset:int plain:int strides:int[7] from:int how:int across:int)\n" \
  "record map_instruction(function:int to:int a:word b:int c:int)\n" \
  "record move(step:int word:int by:int)\n" \
  "record step_head(words:int kernel:int items:int flags:int taken:int)\n" \
  "repeat(steps:int times:int moves:move[]) items 0\n" \
  "fill(target:write floats:int value:float) items ceil_div(floats, FILL_RUN)\n" \
  "conv(x:read y:write weights:read bias:read? table:read channels:int outputs:int groups:int window:int height:int x_by:image_strides y_by:image_strides blocks:int blocks_per_item:int tiles_per_item:int) items ceil_div(blocks, blocks_per_item) * groups * ceil_div(ceil_div(outputs, height), tiles_per_item)\n" \
  "conv_pack(weights:read offset:int packed:write counts:write channels:int outputs:int groups:int window:int height:int by:weight_strides) items groups * ceil_div(outputs, height)\n" \
  "map(rows_per_item:int valid:read? plain:int block_axis:int elements:int formula:int sizes:int[7] operands:map_operand[] outputs:map_output[] instructions:map_instruction[]) items ceil_div(sizes[0] * sizes[1] * sizes[2] * sizes[3], rows_per_item)\n" \
  "max_pool(x:read y:write winner:write start:read from:read to:read rows:int positions:int rows_per_item:int x_by:row_strides y_by:row_strides winner_by:row_strides blocks:int) items ceil_div(rows * blocks, rows_per_item)\n" \
  "positions(x:read y:write start:read from:read weight:read rows:int positions:int inner:int rows_per_item:int x_by:position_strides y_by:position_strides blocks:int) items ceil_div(rows * blocks, rows_per_item)\n" \
  "normalize(x:read scale:read bias:read running_mean:update running_variance:update a:write b:write mean:write inverse:write valid:read x_channel:int x_block:int x_pixel:int channels:int blocks:int pixels:int epsilon:float momentum:float) items channels\n" \
  "matmul(a:read b:read c:write a_laned:int b_laned:int leading:int rows:int inner:int columns:int a_by:matrix_strides b_by:matrix_strides c_by:matrix_strides blocks:int) items leading * blocks\n" \
  "gather(table:read index:read y:write rows:int width:int count:int table_row:int table_column:int index_step:int index_block:int y_step:int y_column:int y_block:int blocks:int) items count * blocks\n" \
  "scatter_sum(table:write index:read dy:read valid:read rows:int width:int count:int index_step:int index_block:int dy_step:int dy_column:int dy_block:int blocks:int) items width\n" \
  "uniform(target:write seed:read stream:int elements:int) items ceil_div(elements, UNIFORM_RUN)\n" \
  "plane_sparse(x:read y:write residual:read? residual_offsets:read? terms:read starts:read bias:read tiles:read cuts:read mask:read? tile_count:int cut_count:int y_channel:int run:int margin:int low:float high:float) items cut_count\n" \
  "plane_dense(x:read y:write residual:read? residual_offsets:read? weights:read distances:read bias:read tiles:read cuts:read mask:read? tile_count:int cut_count:int y_channel:int run:int margin:int taps:int group:int blocks:int low:float high:float) items cut_count\n" \
  "plane_points(x:read y:write residual:read? residual_offsets:read? weights:read distances:read bias:read tiles:read cuts:read cut_count:int y_channel:int run:int margin:int taps:int outputs:int x_row:int y_row:int low:float high:float) items cut_count\n" \
  "plane_max(x:read y:write distances:read tiles:read cuts:read mask:read? tile_count:int cut_count:int x_channel:int y_channel:int run:int margin:int taps:int) items cut_count\n" \
  "plane_phases(x:read x_offset:int y:write channels:int height:int width:int sy:int sx:int x_channel:int x_row:int y_plane:int y_row:int rows:int run:int margin:int fill:float) items channels\n" \
  "linear(x:read x_offset:int y:write weights:read bias:read inputs:int outputs:int low:float high:float) items ceil_div(outputs, LINEAR_ROWS)\n" \
  "linear_sparse(x:read x_offset:int y:write terms:read starts:read bias:read outputs:int low:float high:float) items ceil_div(outputs, LINEAR_ROWS)\n" \
  "plane_sum(x:read y:write channels:int x_channel:int run:int factor:float) items ceil_div(channels, SUM_CHANNELS)\n" \
  "blend(x:read y:write start:read from:read weight:read rows:int positions:int inner:int x_row:int) items ceil_div(rows, BLEND_ROWS)\n" \
  "copy(x:read x_offset:int y:write y_offset:int rows_per_item:int sizes:int[6] x_strides:int[6] y_strides:int[6]) items ceil_div(sizes[0] * sizes[1] * sizes[2] * sizes[3], rows_per_item)\n" \
  "product(a:read a_offset:int b:read b_offset:int c:write leading:int rows:int inner:int columns:int a_leading:int a_row:int a_inner:int b_leading:int b_row:int) items leading * ceil_div(columns, PRODUCT_COLUMNS * VL)\n" \
  "map_rows like map\n" \
  "lookup(table:read index:read index_offset:int y:write rows:int width:int count:int index_step:int) items ceil_div(count, LOOKUPS)\n" \
  "conv_weight(x:read dy:read dw:write table:read mask:read? every:read counts:write? channels:int outputs:int groups:int window:int x_by:image_strides dy_by:image_strides blocks:int blocks_per_part:int run:int) scratch CW_MO * run * window items groups * ceil_div(outputs, CW_MO) * ceil_div(channels, run)\n" \
  "winograd(x:read y:write filters:read bias:read? channels:int outputs:int height:int point:int x_image:image y_image:image top:int left:int blocks:int spots:int run:int) scratch WINO_POINTS * (channels * spots + 1 + run * spots + 1) items ceil_div(blocks * ceil_div(y_image.height, WINO_TILE) * ceil_div(y_image.width, WINO_TILE), spots) * ceil_div(outputs, run)\n" \
  "winograd_pack(weights:read offset:int filters:write channels:int outputs:int height:int point:int by_output:int by_channel:int turned:int) items ceil_div(outputs, height)\n" \
  "winograd_weight(x:read dy:read sums:write channels:int outputs:int x_image:image dy_image:image top:int left:int blocks:int spots:int spots_per_part:int run:int) scratch WINO_POINTS * (spots * ceil_div(channels, LANES) * LANES + 1 + run * spots + 1 + LANES + 1) items ceil_div(blocks * ceil_div(dy_image.height, WINO_TILE) * ceil_div(dy_image.width, WINO_TILE), spots_per_part) * ceil_div(outputs, run)\n" \
  "winograd_weight_sum(sums:read dw:write mask:read? every:read channels:int outputs:int parts:int) items outputs\n" \
  "conv_sparse(x:read y:write weights:read offset:int bias:read? table:read counts:write channels:int outputs:int groups:int window:int tile:int x_by:image_strides y_by:image_strides blocks:int blocks_per_item:int by:weight_strides backwards:int) scratch ceil_div(2 * tile + window + tile * channels * window * (SPARSE_WEIGHT_WORDS + SPARSE_TERM_WORDS), LANES) items ceil_div(blocks, blocks_per_item) * groups * ceil_div(outputs, tile)\n" \
  "conv_weight_sparse(x:read dy:read parts:write mask:read table:read counts:write channels:int outputs:int groups:int window:int x_by:image_strides dy_by:image_strides blocks:int blocks_per_part:int run:int room:int) scratch room + ceil_div(2 * room * SPARSE_TERM_WORDS + 2 * outputs + window, LANES) items ceil_div(blocks, blocks_per_part) * groups * ceil_div(channels, run)\n" \
  "sum_parts(dw:write parts:read count:int elements:int) items ceil_div(elements, FILL_RUN)\n" \
  "max_pool_input(dx:write dy:read winner:read start:read from:read to:read taps:read rows:int positions:int rows_per_item:int dx_by:row_strides dy_by:row_strides winner_by:row_strides blocks:int) items ceil_div(rows * blocks, rows_per_item)\n" \
  "normalize_input(sum:read product:read a:read mean:read inverse:read p:write q:write valid:read channels:int pixels:int) items 1\n" \
  "cross_entropy(logits:read labels:read loss:write correct:write dlogits:write valid:read whole:read teacher:read? classes:int blocks:int logits_by:class_strides dlogits_by:class_strides teacher_by:class_strides smoothing:float temperature:float weight:float) items 1\n" \
  "sgd(weight:update gradient:read first:update mask:read hyper:read elements:int) items ceil_div(elements, UPDATE_RUN)\n" \
  "adam(weight:update gradient:read first:update second:update mask:read hyper:read elements:int) items ceil_div(elements, UPDATE_RUN)\n" \
  "accumulate(sum:update gradient:read elements:int) items ceil_div(elements, UPDATE_RUN)\n" \
  "square_sum(x:read mask:read sums:write elements:int) items ceil_div(elements, UPDATE_RUN)\n" \
  "clip_sum(z:read v:read results:write elements:int) items ceil_div(elements, CLIP_RUN)\n" \
  "clip(z:update v:read elements:int) items ceil_div(elements, CLIP_RUN)\n" \
  "magnitude_counts(values:read window:read counts:write elements:int) items ceil_div(elements, RANK_RUN)\n" \
  "magnitude_marks(values:read marks:write kth:read quotas:read elements:int) items ceil_div(elements, RANK_RUN)\n"

#ifdef ESPALIER_CHECKED
/* Which words of a step are lines, and what its items and its scratch are: for checks.h. */
#include <stddef.h>
typedef struct { const char *name; int at, optional; } line_argument;
typedef struct { const char *name; int count_at, words, line_at; } tail_argument;

INLINE int64_t repeat_items(const void *arguments) {
  const repeat_arguments *a = arguments;
  return (void)a, 0;
}
static const line_argument repeat_lines[] = {{0}};
static const tail_argument repeat_tails[] = {{"moves", offsetof(repeat_arguments, moves) / 4, sizeof(move) / 4, -1}, {0}};
#define repeat_scratch 0

INLINE int64_t fill_items(const void *arguments) {
  const fill_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->floats, FILL_RUN);
}
static const line_argument fill_lines[] = {{"target", offsetof(fill_arguments, target) / 4, 0}, {0}};
static const tail_argument fill_tails[] = {{0}};
#define fill_scratch 0

INLINE int64_t conv_items(const void *arguments) {
  const conv_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->blocks, (int64_t)a->blocks_per_item) * (int64_t)a->groups * ceil_div(ceil_div((int64_t)a->outputs, (int64_t)a->height), (int64_t)a->tiles_per_item);
}
static const line_argument conv_lines[] = {{"x", offsetof(conv_arguments, x) / 4, 0}, {"y", offsetof(conv_arguments, y) / 4, 0}, {"weights", offsetof(conv_arguments, weights) / 4, 0}, {"bias", offsetof(conv_arguments, bias) / 4, 1}, {"table", offsetof(conv_arguments, table) / 4, 0}, {0}};
static const tail_argument conv_tails[] = {{0}};
#define conv_scratch 0

INLINE int64_t conv_pack_items(const void *arguments) {
  const conv_pack_arguments *a = arguments;
  return (void)a, (int64_t)a->groups * ceil_div((int64_t)a->outputs, (int64_t)a->height);
}
static const line_argument conv_pack_lines[] = {{"weights", offsetof(conv_pack_arguments, weights) / 4, 0}, {"packed", offsetof(conv_pack_arguments, packed) / 4, 0}, {"counts", offsetof(conv_pack_arguments, counts) / 4, 0}, {0}};
static const tail_argument conv_pack_tails[] = {{0}};
#define conv_pack_scratch 0

INLINE int64_t map_items(const void *arguments) {
  const map_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->sizes[0] * (int64_t)a->sizes[1] * (int64_t)a->sizes[2] * (int64_t)a->sizes[3], (int64_t)a->rows_per_item);
}
static const line_argument map_lines[] = {{"valid", offsetof(map_arguments, valid) / 4, 1}, {0}};
static const tail_argument map_tails[] = {{"operands", offsetof(map_arguments, operands) / 4, sizeof(map_operand) / 4, offsetof(map_operand, line) / 4}, {"outputs", offsetof(map_arguments, outputs) / 4, sizeof(map_output) / 4, offsetof(map_output, line) / 4}, {"instructions", offsetof(map_arguments, instructions) / 4, sizeof(map_instruction) / 4, -1}, {0}};
#define map_scratch 0

INLINE int64_t max_pool_items(const void *arguments) {
  const max_pool_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->rows * (int64_t)a->blocks, (int64_t)a->rows_per_item);
}
static const line_argument max_pool_lines[] = {{"x", offsetof(max_pool_arguments, x) / 4, 0}, {"y", offsetof(max_pool_arguments, y) / 4, 0}, {"winner", offsetof(max_pool_arguments, winner) / 4, 0}, {"start", offsetof(max_pool_arguments, start) / 4, 0}, {"from", offsetof(max_pool_arguments, from) / 4, 0}, {"to", offsetof(max_pool_arguments, to) / 4, 0}, {0}};
static const tail_argument max_pool_tails[] = {{0}};
#define max_pool_scratch 0

INLINE int64_t positions_items(const void *arguments) {
  const positions_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->rows * (int64_t)a->blocks, (int64_t)a->rows_per_item);
}
static const line_argument positions_lines[] = {{"x", offsetof(positions_arguments, x) / 4, 0}, {"y", offsetof(positions_arguments, y) / 4, 0}, {"start", offsetof(positions_arguments, start) / 4, 0}, {"from", offsetof(positions_arguments, from) / 4, 0}, {"weight", offsetof(positions_arguments, weight) / 4, 0}, {0}};
static const tail_argument positions_tails[] = {{0}};
#define positions_scratch 0

INLINE int64_t normalize_items(const void *arguments) {
  const normalize_arguments *a = arguments;
  return (void)a, (int64_t)a->channels;
}
static const line_argument normalize_lines[] = {{"x", offsetof(normalize_arguments, x) / 4, 0}, {"scale", offsetof(normalize_arguments, scale) / 4, 0}, {"bias", offsetof(normalize_arguments, bias) / 4, 0}, {"running_mean", offsetof(normalize_arguments, running_mean) / 4, 0}, {"running_variance", offsetof(normalize_arguments, running_variance) / 4, 0}, {"a", offsetof(normalize_arguments, a) / 4, 0}, {"b", offsetof(normalize_arguments, b) / 4, 0}, {"mean", offsetof(normalize_arguments, mean) / 4, 0}, {"inverse", offsetof(normalize_arguments, inverse) / 4, 0}, {"valid", offsetof(normalize_arguments, valid) / 4, 0}, {0}};
static const tail_argument normalize_tails[] = {{0}};
#define normalize_scratch 0

INLINE int64_t matmul_items(const void *arguments) {
  const matmul_arguments *a = arguments;
  return (void)a, (int64_t)a->leading * (int64_t)a->blocks;
}
static const line_argument matmul_lines[] = {{"a", offsetof(matmul_arguments, a) / 4, 0}, {"b", offsetof(matmul_arguments, b) / 4, 0}, {"c", offsetof(matmul_arguments, c) / 4, 0}, {0}};
static const tail_argument matmul_tails[] = {{0}};
#define matmul_scratch 0

INLINE int64_t gather_items(const void *arguments) {
  const gather_arguments *a = arguments;
  return (void)a, (int64_t)a->count * (int64_t)a->blocks;
}
static const line_argument gather_lines[] = {{"table", offsetof(gather_arguments, table) / 4, 0}, {"index", offsetof(gather_arguments, index) / 4, 0}, {"y", offsetof(gather_arguments, y) / 4, 0}, {0}};
static const tail_argument gather_tails[] = {{0}};
#define gather_scratch 0

INLINE int64_t scatter_sum_items(const void *arguments) {
  const scatter_sum_arguments *a = arguments;
  return (void)a, (int64_t)a->width;
}
static const line_argument scatter_sum_lines[] = {{"table", offsetof(scatter_sum_arguments, table) / 4, 0}, {"index", offsetof(scatter_sum_arguments, index) / 4, 0}, {"dy", offsetof(scatter_sum_arguments, dy) / 4, 0}, {"valid", offsetof(scatter_sum_arguments, valid) / 4, 0}, {0}};
static const tail_argument scatter_sum_tails[] = {{0}};
#define scatter_sum_scratch 0

INLINE int64_t uniform_items(const void *arguments) {
  const uniform_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->elements, UNIFORM_RUN);
}
static const line_argument uniform_lines[] = {{"target", offsetof(uniform_arguments, target) / 4, 0}, {"seed", offsetof(uniform_arguments, seed) / 4, 0}, {0}};
static const tail_argument uniform_tails[] = {{0}};
#define uniform_scratch 0

INLINE int64_t plane_sparse_items(const void *arguments) {
  const plane_sparse_arguments *a = arguments;
  return (void)a, (int64_t)a->cut_count;
}
static const line_argument plane_sparse_lines[] = {{"x", offsetof(plane_sparse_arguments, x) / 4, 0}, {"y", offsetof(plane_sparse_arguments, y) / 4, 0}, {"residual", offsetof(plane_sparse_arguments, residual) / 4, 1}, {"residual_offsets", offsetof(plane_sparse_arguments, residual_offsets) / 4, 1}, {"terms", offsetof(plane_sparse_arguments, terms) / 4, 0}, {"starts", offsetof(plane_sparse_arguments, starts) / 4, 0}, {"bias", offsetof(plane_sparse_arguments, bias) / 4, 0}, {"tiles", offsetof(plane_sparse_arguments, tiles) / 4, 0}, {"cuts", offsetof(plane_sparse_arguments, cuts) / 4, 0}, {"mask", offsetof(plane_sparse_arguments, mask) / 4, 1}, {0}};
static const tail_argument plane_sparse_tails[] = {{0}};
#define plane_sparse_scratch 0

INLINE int64_t plane_dense_items(const void *arguments) {
  const plane_dense_arguments *a = arguments;
  return (void)a, (int64_t)a->cut_count;
}
static const line_argument plane_dense_lines[] = {{"x", offsetof(plane_dense_arguments, x) / 4, 0}, {"y", offsetof(plane_dense_arguments, y) / 4, 0}, {"residual", offsetof(plane_dense_arguments, residual) / 4, 1}, {"residual_offsets", offsetof(plane_dense_arguments, residual_offsets) / 4, 1}, {"weights", offsetof(plane_dense_arguments, weights) / 4, 0}, {"distances", offsetof(plane_dense_arguments, distances) / 4, 0}, {"bias", offsetof(plane_dense_arguments, bias) / 4, 0}, {"tiles", offsetof(plane_dense_arguments, tiles) / 4, 0}, {"cuts", offsetof(plane_dense_arguments, cuts) / 4, 0}, {"mask", offsetof(plane_dense_arguments, mask) / 4, 1}, {0}};
static const tail_argument plane_dense_tails[] = {{0}};
#define plane_dense_scratch 0

INLINE int64_t plane_points_items(const void *arguments) {
  const plane_points_arguments *a = arguments;
  return (void)a, (int64_t)a->cut_count;
}
static const line_argument plane_points_lines[] = {{"x", offsetof(plane_points_arguments, x) / 4, 0}, {"y", offsetof(plane_points_arguments, y) / 4, 0}, {"residual", offsetof(plane_points_arguments, residual) / 4, 1}, {"residual_offsets", offsetof(plane_points_arguments, residual_offsets) / 4, 1}, {"weights", offsetof(plane_points_arguments, weights) / 4, 0}, {"distances", offsetof(plane_points_arguments, distances) / 4, 0}, {"bias", offsetof(plane_points_arguments, bias) / 4, 0}, {"tiles", offsetof(plane_points_arguments, tiles) / 4, 0}, {"cuts", offsetof(plane_points_arguments, cuts) / 4, 0}, {0}};
static const tail_argument plane_points_tails[] = {{0}};
#define plane_points_scratch 0

INLINE int64_t plane_max_items(const void *arguments) {
  const plane_max_arguments *a = arguments;
  return (void)a, (int64_t)a->cut_count;
}
static const line_argument plane_max_lines[] = {{"x", offsetof(plane_max_arguments, x) / 4, 0}, {"y", offsetof(plane_max_arguments, y) / 4, 0}, {"distances", offsetof(plane_max_arguments, distances) / 4, 0}, {"tiles", offsetof(plane_max_arguments, tiles) / 4, 0}, {"cuts", offsetof(plane_max_arguments, cuts) / 4, 0}, {"mask", offsetof(plane_max_arguments, mask) / 4, 1}, {0}};
static const tail_argument plane_max_tails[] = {{0}};
#define plane_max_scratch 0

INLINE int64_t plane_phases_items(const void *arguments) {
  const plane_phases_arguments *a = arguments;
  return (void)a, (int64_t)a->channels;
}
static const line_argument plane_phases_lines[] = {{"x", offsetof(plane_phases_arguments, x) / 4, 0}, {"y", offsetof(plane_phases_arguments, y) / 4, 0}, {0}};
static const tail_argument plane_phases_tails[] = {{0}};
#define plane_phases_scratch 0

INLINE int64_t linear_items(const void *arguments) {
  const linear_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->outputs, LINEAR_ROWS);
}
static const line_argument linear_lines[] = {{"x", offsetof(linear_arguments, x) / 4, 0}, {"y", offsetof(linear_arguments, y) / 4, 0}, {"weights", offsetof(linear_arguments, weights) / 4, 0}, {"bias", offsetof(linear_arguments, bias) / 4, 0}, {0}};
static const tail_argument linear_tails[] = {{0}};
#define linear_scratch 0

INLINE int64_t linear_sparse_items(const void *arguments) {
  const linear_sparse_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->outputs, LINEAR_ROWS);
}
static const line_argument linear_sparse_lines[] = {{"x", offsetof(linear_sparse_arguments, x) / 4, 0}, {"y", offsetof(linear_sparse_arguments, y) / 4, 0}, {"terms", offsetof(linear_sparse_arguments, terms) / 4, 0}, {"starts", offsetof(linear_sparse_arguments, starts) / 4, 0}, {"bias", offsetof(linear_sparse_arguments, bias) / 4, 0}, {0}};
static const tail_argument linear_sparse_tails[] = {{0}};
#define linear_sparse_scratch 0

INLINE int64_t plane_sum_items(const void *arguments) {
  const plane_sum_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->channels, SUM_CHANNELS);
}
static const line_argument plane_sum_lines[] = {{"x", offsetof(plane_sum_arguments, x) / 4, 0}, {"y", offsetof(plane_sum_arguments, y) / 4, 0}, {0}};
static const tail_argument plane_sum_tails[] = {{0}};
#define plane_sum_scratch 0

INLINE int64_t blend_items(const void *arguments) {
  const blend_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->rows, BLEND_ROWS);
}
static const line_argument blend_lines[] = {{"x", offsetof(blend_arguments, x) / 4, 0}, {"y", offsetof(blend_arguments, y) / 4, 0}, {"start", offsetof(blend_arguments, start) / 4, 0}, {"from", offsetof(blend_arguments, from) / 4, 0}, {"weight", offsetof(blend_arguments, weight) / 4, 0}, {0}};
static const tail_argument blend_tails[] = {{0}};
#define blend_scratch 0

INLINE int64_t copy_items(const void *arguments) {
  const copy_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->sizes[0] * (int64_t)a->sizes[1] * (int64_t)a->sizes[2] * (int64_t)a->sizes[3], (int64_t)a->rows_per_item);
}
static const line_argument copy_lines[] = {{"x", offsetof(copy_arguments, x) / 4, 0}, {"y", offsetof(copy_arguments, y) / 4, 0}, {0}};
static const tail_argument copy_tails[] = {{0}};
#define copy_scratch 0

INLINE int64_t product_items(const void *arguments) {
  const product_arguments *a = arguments;
  return (void)a, (int64_t)a->leading * ceil_div((int64_t)a->columns, PRODUCT_COLUMNS * VL);
}
static const line_argument product_lines[] = {{"a", offsetof(product_arguments, a) / 4, 0}, {"b", offsetof(product_arguments, b) / 4, 0}, {"c", offsetof(product_arguments, c) / 4, 0}, {0}};
static const tail_argument product_tails[] = {{0}};
#define product_scratch 0

#define map_rows_items map_items
static const line_argument map_rows_lines[] = {{"valid", offsetof(map_rows_arguments, valid) / 4, 1}, {0}};
static const tail_argument map_rows_tails[] = {{"operands", offsetof(map_rows_arguments, operands) / 4, sizeof(map_operand) / 4, offsetof(map_operand, line) / 4}, {"outputs", offsetof(map_rows_arguments, outputs) / 4, sizeof(map_output) / 4, offsetof(map_output, line) / 4}, {"instructions", offsetof(map_rows_arguments, instructions) / 4, sizeof(map_instruction) / 4, -1}, {0}};
#define map_rows_scratch 0

INLINE int64_t lookup_items(const void *arguments) {
  const lookup_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->count, LOOKUPS);
}
static const line_argument lookup_lines[] = {{"table", offsetof(lookup_arguments, table) / 4, 0}, {"index", offsetof(lookup_arguments, index) / 4, 0}, {"y", offsetof(lookup_arguments, y) / 4, 0}, {0}};
static const tail_argument lookup_tails[] = {{0}};
#define lookup_scratch 0

INLINE int64_t conv_weight_items(const void *arguments) {
  const conv_weight_arguments *a = arguments;
  return (void)a, (int64_t)a->groups * ceil_div((int64_t)a->outputs, CW_MO) * ceil_div((int64_t)a->channels, (int64_t)a->run);
}
static const line_argument conv_weight_lines[] = {{"x", offsetof(conv_weight_arguments, x) / 4, 0}, {"dy", offsetof(conv_weight_arguments, dy) / 4, 0}, {"dw", offsetof(conv_weight_arguments, dw) / 4, 0}, {"table", offsetof(conv_weight_arguments, table) / 4, 0}, {"mask", offsetof(conv_weight_arguments, mask) / 4, 1}, {"every", offsetof(conv_weight_arguments, every) / 4, 0}, {"counts", offsetof(conv_weight_arguments, counts) / 4, 1}, {"scratch", offsetof(conv_weight_arguments, scratch) / 4, 0}, {0}};
static const tail_argument conv_weight_tails[] = {{0}};

INLINE int64_t winograd_items(const void *arguments) {
  const winograd_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->blocks * ceil_div((int64_t)a->y_image.height, WINO_TILE) * ceil_div((int64_t)a->y_image.width, WINO_TILE), (int64_t)a->spots) * ceil_div((int64_t)a->outputs, (int64_t)a->run);
}
static const line_argument winograd_lines[] = {{"x", offsetof(winograd_arguments, x) / 4, 0}, {"y", offsetof(winograd_arguments, y) / 4, 0}, {"filters", offsetof(winograd_arguments, filters) / 4, 0}, {"bias", offsetof(winograd_arguments, bias) / 4, 1}, {"scratch", offsetof(winograd_arguments, scratch) / 4, 0}, {0}};
static const tail_argument winograd_tails[] = {{0}};

INLINE int64_t winograd_pack_items(const void *arguments) {
  const winograd_pack_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->outputs, (int64_t)a->height);
}
static const line_argument winograd_pack_lines[] = {{"weights", offsetof(winograd_pack_arguments, weights) / 4, 0}, {"filters", offsetof(winograd_pack_arguments, filters) / 4, 0}, {0}};
static const tail_argument winograd_pack_tails[] = {{0}};
#define winograd_pack_scratch 0

INLINE int64_t winograd_weight_items(const void *arguments) {
  const winograd_weight_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->blocks * ceil_div((int64_t)a->dy_image.height, WINO_TILE) * ceil_div((int64_t)a->dy_image.width, WINO_TILE), (int64_t)a->spots_per_part) * ceil_div((int64_t)a->outputs, (int64_t)a->run);
}
static const line_argument winograd_weight_lines[] = {{"x", offsetof(winograd_weight_arguments, x) / 4, 0}, {"dy", offsetof(winograd_weight_arguments, dy) / 4, 0}, {"sums", offsetof(winograd_weight_arguments, sums) / 4, 0}, {"scratch", offsetof(winograd_weight_arguments, scratch) / 4, 0}, {0}};
static const tail_argument winograd_weight_tails[] = {{0}};

INLINE int64_t winograd_weight_sum_items(const void *arguments) {
  const winograd_weight_sum_arguments *a = arguments;
  return (void)a, (int64_t)a->outputs;
}
static const line_argument winograd_weight_sum_lines[] = {{"sums", offsetof(winograd_weight_sum_arguments, sums) / 4, 0}, {"dw", offsetof(winograd_weight_sum_arguments, dw) / 4, 0}, {"mask", offsetof(winograd_weight_sum_arguments, mask) / 4, 1}, {"every", offsetof(winograd_weight_sum_arguments, every) / 4, 0}, {0}};
static const tail_argument winograd_weight_sum_tails[] = {{0}};
#define winograd_weight_sum_scratch 0

INLINE int64_t conv_sparse_items(const void *arguments) {
  const conv_sparse_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->blocks, (int64_t)a->blocks_per_item) * (int64_t)a->groups * ceil_div((int64_t)a->outputs, (int64_t)a->tile);
}
static const line_argument conv_sparse_lines[] = {{"x", offsetof(conv_sparse_arguments, x) / 4, 0}, {"y", offsetof(conv_sparse_arguments, y) / 4, 0}, {"weights", offsetof(conv_sparse_arguments, weights) / 4, 0}, {"bias", offsetof(conv_sparse_arguments, bias) / 4, 1}, {"table", offsetof(conv_sparse_arguments, table) / 4, 0}, {"counts", offsetof(conv_sparse_arguments, counts) / 4, 0}, {"scratch", offsetof(conv_sparse_arguments, scratch) / 4, 0}, {0}};
static const tail_argument conv_sparse_tails[] = {{0}};

INLINE int64_t conv_weight_sparse_items(const void *arguments) {
  const conv_weight_sparse_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->blocks, (int64_t)a->blocks_per_part) * (int64_t)a->groups * ceil_div((int64_t)a->channels, (int64_t)a->run);
}
static const line_argument conv_weight_sparse_lines[] = {{"x", offsetof(conv_weight_sparse_arguments, x) / 4, 0}, {"dy", offsetof(conv_weight_sparse_arguments, dy) / 4, 0}, {"parts", offsetof(conv_weight_sparse_arguments, parts) / 4, 0}, {"mask", offsetof(conv_weight_sparse_arguments, mask) / 4, 0}, {"table", offsetof(conv_weight_sparse_arguments, table) / 4, 0}, {"counts", offsetof(conv_weight_sparse_arguments, counts) / 4, 0}, {"scratch", offsetof(conv_weight_sparse_arguments, scratch) / 4, 0}, {0}};
static const tail_argument conv_weight_sparse_tails[] = {{0}};

INLINE int64_t sum_parts_items(const void *arguments) {
  const sum_parts_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->elements, FILL_RUN);
}
static const line_argument sum_parts_lines[] = {{"dw", offsetof(sum_parts_arguments, dw) / 4, 0}, {"parts", offsetof(sum_parts_arguments, parts) / 4, 0}, {0}};
static const tail_argument sum_parts_tails[] = {{0}};
#define sum_parts_scratch 0

INLINE int64_t max_pool_input_items(const void *arguments) {
  const max_pool_input_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->rows * (int64_t)a->blocks, (int64_t)a->rows_per_item);
}
static const line_argument max_pool_input_lines[] = {{"dx", offsetof(max_pool_input_arguments, dx) / 4, 0}, {"dy", offsetof(max_pool_input_arguments, dy) / 4, 0}, {"winner", offsetof(max_pool_input_arguments, winner) / 4, 0}, {"start", offsetof(max_pool_input_arguments, start) / 4, 0}, {"from", offsetof(max_pool_input_arguments, from) / 4, 0}, {"to", offsetof(max_pool_input_arguments, to) / 4, 0}, {"taps", offsetof(max_pool_input_arguments, taps) / 4, 0}, {0}};
static const tail_argument max_pool_input_tails[] = {{0}};
#define max_pool_input_scratch 0

INLINE int64_t normalize_input_items(const void *arguments) {
  const normalize_input_arguments *a = arguments;
  return (void)a, 1;
}
static const line_argument normalize_input_lines[] = {{"sum", offsetof(normalize_input_arguments, sum) / 4, 0}, {"product", offsetof(normalize_input_arguments, product) / 4, 0}, {"a", offsetof(normalize_input_arguments, a) / 4, 0}, {"mean", offsetof(normalize_input_arguments, mean) / 4, 0}, {"inverse", offsetof(normalize_input_arguments, inverse) / 4, 0}, {"p", offsetof(normalize_input_arguments, p) / 4, 0}, {"q", offsetof(normalize_input_arguments, q) / 4, 0}, {"valid", offsetof(normalize_input_arguments, valid) / 4, 0}, {0}};
static const tail_argument normalize_input_tails[] = {{0}};
#define normalize_input_scratch 0

INLINE int64_t cross_entropy_items(const void *arguments) {
  const cross_entropy_arguments *a = arguments;
  return (void)a, 1;
}
static const line_argument cross_entropy_lines[] = {{"logits", offsetof(cross_entropy_arguments, logits) / 4, 0}, {"labels", offsetof(cross_entropy_arguments, labels) / 4, 0}, {"loss", offsetof(cross_entropy_arguments, loss) / 4, 0}, {"correct", offsetof(cross_entropy_arguments, correct) / 4, 0}, {"dlogits", offsetof(cross_entropy_arguments, dlogits) / 4, 0}, {"valid", offsetof(cross_entropy_arguments, valid) / 4, 0}, {"whole", offsetof(cross_entropy_arguments, whole) / 4, 0}, {"teacher", offsetof(cross_entropy_arguments, teacher) / 4, 1}, {0}};
static const tail_argument cross_entropy_tails[] = {{0}};
#define cross_entropy_scratch 0

INLINE int64_t sgd_items(const void *arguments) {
  const sgd_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->elements, UPDATE_RUN);
}
static const line_argument sgd_lines[] = {{"weight", offsetof(sgd_arguments, weight) / 4, 0}, {"gradient", offsetof(sgd_arguments, gradient) / 4, 0}, {"first", offsetof(sgd_arguments, first) / 4, 0}, {"mask", offsetof(sgd_arguments, mask) / 4, 0}, {"hyper", offsetof(sgd_arguments, hyper) / 4, 0}, {0}};
static const tail_argument sgd_tails[] = {{0}};
#define sgd_scratch 0

INLINE int64_t adam_items(const void *arguments) {
  const adam_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->elements, UPDATE_RUN);
}
static const line_argument adam_lines[] = {{"weight", offsetof(adam_arguments, weight) / 4, 0}, {"gradient", offsetof(adam_arguments, gradient) / 4, 0}, {"first", offsetof(adam_arguments, first) / 4, 0}, {"second", offsetof(adam_arguments, second) / 4, 0}, {"mask", offsetof(adam_arguments, mask) / 4, 0}, {"hyper", offsetof(adam_arguments, hyper) / 4, 0}, {0}};
static const tail_argument adam_tails[] = {{0}};
#define adam_scratch 0

INLINE int64_t accumulate_items(const void *arguments) {
  const accumulate_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->elements, UPDATE_RUN);
}
static const line_argument accumulate_lines[] = {{"sum", offsetof(accumulate_arguments, sum) / 4, 0}, {"gradient", offsetof(accumulate_arguments, gradient) / 4, 0}, {0}};
static const tail_argument accumulate_tails[] = {{0}};
#define accumulate_scratch 0

INLINE int64_t square_sum_items(const void *arguments) {
  const square_sum_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->elements, UPDATE_RUN);
}
static const line_argument square_sum_lines[] = {{"x", offsetof(square_sum_arguments, x) / 4, 0}, {"mask", offsetof(square_sum_arguments, mask) / 4, 0}, {"sums", offsetof(square_sum_arguments, sums) / 4, 0}, {0}};
static const tail_argument square_sum_tails[] = {{0}};
#define square_sum_scratch 0

INLINE int64_t clip_sum_items(const void *arguments) {
  const clip_sum_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->elements, CLIP_RUN);
}
static const line_argument clip_sum_lines[] = {{"z", offsetof(clip_sum_arguments, z) / 4, 0}, {"v", offsetof(clip_sum_arguments, v) / 4, 0}, {"results", offsetof(clip_sum_arguments, results) / 4, 0}, {0}};
static const tail_argument clip_sum_tails[] = {{0}};
#define clip_sum_scratch 0

INLINE int64_t clip_items(const void *arguments) {
  const clip_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->elements, CLIP_RUN);
}
static const line_argument clip_lines[] = {{"z", offsetof(clip_arguments, z) / 4, 0}, {"v", offsetof(clip_arguments, v) / 4, 0}, {0}};
static const tail_argument clip_tails[] = {{0}};
#define clip_scratch 0

INLINE int64_t magnitude_counts_items(const void *arguments) {
  const magnitude_counts_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->elements, RANK_RUN);
}
static const line_argument magnitude_counts_lines[] = {{"values", offsetof(magnitude_counts_arguments, values) / 4, 0}, {"window", offsetof(magnitude_counts_arguments, window) / 4, 0}, {"counts", offsetof(magnitude_counts_arguments, counts) / 4, 0}, {0}};
static const tail_argument magnitude_counts_tails[] = {{0}};
#define magnitude_counts_scratch 0

INLINE int64_t magnitude_marks_items(const void *arguments) {
  const magnitude_marks_arguments *a = arguments;
  return (void)a, ceil_div((int64_t)a->elements, RANK_RUN);
}
static const line_argument magnitude_marks_lines[] = {{"values", offsetof(magnitude_marks_arguments, values) / 4, 0}, {"marks", offsetof(magnitude_marks_arguments, marks) / 4, 0}, {"kth", offsetof(magnitude_marks_arguments, kth) / 4, 0}, {"quotas", offsetof(magnitude_marks_arguments, quotas) / 4, 0}, {0}};
static const tail_argument magnitude_marks_tails[] = {{0}};
#define magnitude_marks_scratch 0
#endif

#endif
