/** What both sides of the kernels' contract count with. Written by scripts/build-contract.mjs from contract.yaml: not to be edited. */

/** Samples side by side in a line. */
export const LANES = 16;
/** Words before a program's first step; the first says how many steps. */
export const PROGRAM_HEAD = 4;
/** Flag of a step that the next one does not depend on. */
export const NO_BARRIER = 1;
/** Loops of a program inside one another at most. */
export const MOST_NESTED = 4;
/** Floats of an item of fill and of sum_parts. */
export const FILL_RUN = 16384;
/** Numbers of an item of uniform. */
export const UNIFORM_RUN = 8192;
/** Elements of an item of what optimisers do. */
export const UPDATE_RUN = 8192;
/** Elements of an item of clip. */
export const CLIP_RUN = 65536;
/** Elements of an item of magnitude_counts. */
export const RANK_RUN = 262144;
/** Bins that magnitudes are counted in. */
export const RANK_BINS = 2048;
/** Counts of a run; the last is of magnitudes above all bins. */
export const RANK_COUNTS = 2049;
/** Registers of map. */
export const MAP_REGISTERS = 24;
/** Outer axes of map. */
export const MAP_ROW_AXES = 4;
/** Inner axes of map. */
export const MAP_INNER_AXES = 3;
/** Results of one pass at most. */
export const MAP_RESULTS = 4;
/** Operands of one pass at most; formulas have a letter for each. */
export const MAP_OPERANDS = 8;
/** Outputs of Winograd's tile along an axis. */
export const WINO_TILE = 4;
/** Points of its transform. */
export const WINO_POINTS = 36;
/** Words of a weight that conv_sparse has listed. */
export const SPARSE_WEIGHT_WORDS = 3;
/** Words of its term for a class of pixels, and of a sum of conv_weight_sparse. */
export const SPARSE_TERM_WORDS = 2;
/** Vectors of a tile of plane_sparse and of plane_max at most. */
export const PLANE_TILE = 12;
/** Outputs of an item of linear. */
export const LINEAR_ROWS = 16;
/** Channels of an item of plane_sum. */
export const SUM_CHANNELS = 64;
/** Rows of an item of blend. */
export const BLEND_ROWS = 512;
/** Indices of an item of lookup. */
export const LOOKUPS = 64;
/** Outer axes of copy. */
export const COPY_ROW_AXES = 4;
/** Axes of copy. */
export const COPY_AXES = 6;
/** Registers of columns of an item of product. */
export const PRODUCT_COLUMNS = 2;

/** What follows from the instruction set; the module tells it. */
export interface Told {
  /** Floats of a register. */
  readonly VL: number;
  /** Outputs of the largest register tile of conv. */
  readonly CONV_MR: number;
  /** Outputs of an item of conv_weight. */
  readonly CW_MO: number;
  /** Outputs of a tile of plane_dense. */
  readonly PLANE_MR: number;
  /** Vectors of a tile of plane_dense at most. */
  readonly PLANE_NV: number;
  /** Pixels of a tile of plane_points at most. */
  readonly PLANE_POINTS: number;
  /** 1 in a build that checks every access, else 0. */
  readonly CHECKED: number;
}

/** Functions of map by their numbers. */
export const FUNCTIONS = {
  const: 0,
  copy: 1,
  neg: 2,
  abs: 3,
  exp: 4,
  log: 5,
  sqrt: 6,
  sigmoid: 7,
  tanh: 8,
  erf: 9,
  relu: 10,
  floor: 11,
  ceil: 12,
  round: 13,
  sign: 14,
  sin: 15,
  cos: 16,
  add: 17,
  sub: 18,
  mul: 19,
  div: 20,
  max: 21,
  min: 22,
  pow: 23,
  greater: 24,
  greaterEqual: 25,
  equal: 26,
  choose: 27,
  fma: 28,
  gate: 29,
} as const;

/** How results of map are made, by number. */
export const RESULTS = { store: 0, sum: 1, max: 2 } as const;

/** Where in a step's head, before its arguments, each word stands. */
export const STEP = { words: 0, kernel: 1, items: 2, flags: 3, taken: 4 } as const;
export const STEP_HEAD = 5;

/** The contract that this side was compiled from; every module carries its own. */
export const CONTRACT = [
  'LANES=16\n',
  'PROGRAM_HEAD=4\n',
  'NO_BARRIER=1\n',
  'MOST_NESTED=4\n',
  'FILL_RUN=16384\n',
  'UNIFORM_RUN=8192\n',
  'UPDATE_RUN=8192\n',
  'CLIP_RUN=65536\n',
  'RANK_RUN=262144\n',
  'RANK_BINS=2048\n',
  'RANK_COUNTS=2049\n',
  'MAP_REGISTERS=24\n',
  'MAP_ROW_AXES=4\n',
  'MAP_INNER_AXES=3\n',
  'MAP_RESULTS=4\n',
  'MAP_OPERANDS=8\n',
  'WINO_TILE=4\n',
  'WINO_POINTS=36\n',
  'SPARSE_WEIGHT_WORDS=3\n',
  'SPARSE_TERM_WORDS=2\n',
  'PLANE_TILE=12\n',
  'LINEAR_ROWS=16\n',
  'SUM_CHANNELS=64\n',
  'BLEND_ROWS=512\n',
  'LOOKUPS=64\n',
  'COPY_ROW_AXES=4\n',
  'COPY_AXES=6\n',
  'PRODUCT_COLUMNS=2\n',
  'told VL CONV_MR CW_MO PLANE_MR PLANE_NV PLANE_POINTS CHECKED\n',
  'functions const copy neg abs exp log sqrt sigmoid tanh erf relu floor ceil round sign sin cos add sub mul div max min pow greater greater_equal equal choose fma gate\n',
  'results store sum max\n',
  'record image_strides(channel:int block:int group:int)\n',
  'record row_strides(row:int block:int)\n',
  'record class_strides(class:int block:int)\n',
  'record weight_strides(group:int output:int channel:int)\n',
  'record matrix_strides(leading:int row:int column:int block:int)\n',
  'record position_strides(row:int position:int inner:int block:int)\n',
  'record image(channel:int block:int row:int column:int height:int width:int)\n',
  'record map_operand(line:read offset:int plain:int strides:int[7])\n',
  'record map_output(line:write offset:int plain:int strides:int[7] from:int how:int across:int)\n',
  'record map_instruction(function:int to:int a:word b:int c:int)\n',
  'record move(step:int word:int by:int)\n',
  'record step_head(words:int kernel:int items:int flags:int taken:int)\n',
  'repeat(steps:int times:int moves:move[]) items 0\n',
  'fill(target:write floats:int value:float) items ceil_div(floats, FILL_RUN)\n',
  'conv(x:read y:write weights:read bias:read? table:read channels:int outputs:int groups:int window:int height:int x_by:image_strides y_by:image_strides blocks:int blocks_per_item:int tiles_per_item:int) items ceil_div(blocks, blocks_per_item) * groups * ceil_div(ceil_div(outputs, height), tiles_per_item)\n',
  'conv_pack(weights:read offset:int packed:write counts:write channels:int outputs:int groups:int window:int height:int by:weight_strides) items groups * ceil_div(outputs, height)\n',
  'map(rows_per_item:int valid:read? plain:int block_axis:int elements:int formula:int sizes:int[7] operands:map_operand[] outputs:map_output[] instructions:map_instruction[]) items ceil_div(sizes[0] * sizes[1] * sizes[2] * sizes[3], rows_per_item)\n',
  'max_pool(x:read y:write winner:write start:read from:read to:read rows:int positions:int rows_per_item:int x_by:row_strides y_by:row_strides winner_by:row_strides blocks:int) items ceil_div(rows * blocks, rows_per_item)\n',
  'positions(x:read y:write start:read from:read weight:read rows:int positions:int inner:int rows_per_item:int x_by:position_strides y_by:position_strides blocks:int) items ceil_div(rows * blocks, rows_per_item)\n',
  'normalize(x:read scale:read bias:read running_mean:update running_variance:update a:write b:write mean:write inverse:write valid:read x_channel:int x_block:int x_pixel:int channels:int blocks:int pixels:int epsilon:float momentum:float) items channels\n',
  'matmul(a:read b:read c:write a_laned:int b_laned:int leading:int rows:int inner:int columns:int a_by:matrix_strides b_by:matrix_strides c_by:matrix_strides blocks:int) items leading * blocks\n',
  'gather(table:read index:read y:write rows:int width:int count:int table_row:int table_column:int index_step:int index_block:int y_step:int y_column:int y_block:int blocks:int) items count * blocks\n',
  'scatter_sum(table:write index:read dy:read valid:read rows:int width:int count:int index_step:int index_block:int dy_step:int dy_column:int dy_block:int blocks:int) items width\n',
  'uniform(target:write seed:read stream:int elements:int) items ceil_div(elements, UNIFORM_RUN)\n',
  'plane_sparse(x:read y:write residual:read? residual_offsets:read? terms:read starts:read bias:read tiles:read cuts:read mask:read? tile_count:int cut_count:int y_channel:int run:int margin:int low:float high:float) items cut_count\n',
  'plane_dense(x:read y:write residual:read? residual_offsets:read? weights:read distances:read bias:read tiles:read cuts:read mask:read? tile_count:int cut_count:int y_channel:int run:int margin:int taps:int group:int blocks:int low:float high:float) items cut_count\n',
  'plane_points(x:read y:write residual:read? residual_offsets:read? weights:read distances:read bias:read tiles:read cuts:read cut_count:int y_channel:int run:int margin:int taps:int outputs:int x_row:int y_row:int low:float high:float) items cut_count\n',
  'plane_max(x:read y:write distances:read tiles:read cuts:read mask:read? tile_count:int cut_count:int x_channel:int y_channel:int run:int margin:int taps:int) items cut_count\n',
  'plane_phases(x:read x_offset:int y:write channels:int height:int width:int sy:int sx:int x_channel:int x_row:int y_plane:int y_row:int rows:int run:int margin:int fill:float) items channels\n',
  'linear(x:read x_offset:int y:write weights:read bias:read inputs:int outputs:int low:float high:float) items ceil_div(outputs, LINEAR_ROWS)\n',
  'linear_sparse(x:read x_offset:int y:write terms:read starts:read bias:read outputs:int low:float high:float) items ceil_div(outputs, LINEAR_ROWS)\n',
  'plane_sum(x:read y:write channels:int x_channel:int run:int factor:float) items ceil_div(channels, SUM_CHANNELS)\n',
  'blend(x:read y:write start:read from:read weight:read rows:int positions:int inner:int x_row:int) items ceil_div(rows, BLEND_ROWS)\n',
  'copy(x:read x_offset:int y:write y_offset:int rows_per_item:int sizes:int[6] x_strides:int[6] y_strides:int[6]) items ceil_div(sizes[0] * sizes[1] * sizes[2] * sizes[3], rows_per_item)\n',
  'product(a:read a_offset:int b:read b_offset:int c:write leading:int rows:int inner:int columns:int a_leading:int a_row:int a_inner:int b_leading:int b_row:int) items leading * ceil_div(columns, PRODUCT_COLUMNS * VL)\n',
  'map_rows like map\n',
  'lookup(table:read index:read index_offset:int y:write rows:int width:int count:int index_step:int) items ceil_div(count, LOOKUPS)\n',
  'conv_weight(x:read dy:read dw:write table:read mask:read? every:read counts:write? channels:int outputs:int groups:int window:int x_by:image_strides dy_by:image_strides blocks:int blocks_per_part:int run:int) scratch CW_MO * run * window items groups * ceil_div(outputs, CW_MO) * ceil_div(channels, run)\n',
  'winograd(x:read y:write filters:read bias:read? channels:int outputs:int height:int point:int x_image:image y_image:image top:int left:int blocks:int spots:int run:int) scratch WINO_POINTS * (channels * spots + 1 + run * spots + 1) items ceil_div(blocks * ceil_div(y_image.height, WINO_TILE) * ceil_div(y_image.width, WINO_TILE), spots) * ceil_div(outputs, run)\n',
  'winograd_pack(weights:read offset:int filters:write channels:int outputs:int height:int point:int by_output:int by_channel:int turned:int) items ceil_div(outputs, height)\n',
  'winograd_weight(x:read dy:read sums:write channels:int outputs:int x_image:image dy_image:image top:int left:int blocks:int spots:int spots_per_part:int run:int) scratch WINO_POINTS * (spots * ceil_div(channels, LANES) * LANES + 1 + run * spots + 1 + LANES + 1) items ceil_div(blocks * ceil_div(dy_image.height, WINO_TILE) * ceil_div(dy_image.width, WINO_TILE), spots_per_part) * ceil_div(outputs, run)\n',
  'winograd_weight_sum(sums:read dw:write mask:read? every:read channels:int outputs:int parts:int) items outputs\n',
  'conv_sparse(x:read y:write weights:read offset:int bias:read? table:read counts:write channels:int outputs:int groups:int window:int tile:int x_by:image_strides y_by:image_strides blocks:int blocks_per_item:int by:weight_strides backwards:int) scratch ceil_div(2 * tile + window + tile * channels * window * (SPARSE_WEIGHT_WORDS + SPARSE_TERM_WORDS), LANES) items ceil_div(blocks, blocks_per_item) * groups * ceil_div(outputs, tile)\n',
  'conv_weight_sparse(x:read dy:read parts:write mask:read table:read counts:write channels:int outputs:int groups:int window:int x_by:image_strides dy_by:image_strides blocks:int blocks_per_part:int run:int room:int) scratch room + ceil_div(2 * room * SPARSE_TERM_WORDS + 2 * outputs + window, LANES) items ceil_div(blocks, blocks_per_part) * groups * ceil_div(channels, run)\n',
  'sum_parts(dw:write parts:read count:int elements:int) items ceil_div(elements, FILL_RUN)\n',
  'max_pool_input(dx:write dy:read winner:read start:read from:read to:read taps:read rows:int positions:int rows_per_item:int dx_by:row_strides dy_by:row_strides winner_by:row_strides blocks:int) items ceil_div(rows * blocks, rows_per_item)\n',
  'normalize_input(sum:read product:read a:read mean:read inverse:read p:write q:write valid:read channels:int pixels:int) items 1\n',
  'cross_entropy(logits:read labels:read loss:write correct:write dlogits:write valid:read whole:read teacher:read? classes:int blocks:int logits_by:class_strides dlogits_by:class_strides teacher_by:class_strides smoothing:float temperature:float weight:float) items 1\n',
  'sgd(weight:update gradient:read first:update mask:read hyper:read elements:int) items ceil_div(elements, UPDATE_RUN)\n',
  'adam(weight:update gradient:read first:update second:update mask:read hyper:read elements:int) items ceil_div(elements, UPDATE_RUN)\n',
  'accumulate(sum:update gradient:read elements:int) items ceil_div(elements, UPDATE_RUN)\n',
  'square_sum(x:read mask:read sums:write elements:int) items ceil_div(elements, UPDATE_RUN)\n',
  'clip_sum(z:read v:read results:write elements:int) items ceil_div(elements, CLIP_RUN)\n',
  'clip(z:update v:read elements:int) items ceil_div(elements, CLIP_RUN)\n',
  'magnitude_counts(values:read window:read counts:write elements:int) items ceil_div(elements, RANK_RUN)\n',
  'magnitude_marks(values:read marks:write kth:read quotas:read elements:int) items ceil_div(elements, RANK_RUN)\n',
].join('');
