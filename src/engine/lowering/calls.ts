/** How kernels are called: arguments by name, items and scratch memory as the contract says. Written by scripts/build-contract.mjs from contract.yaml: not to be edited. */
import {
  BLEND_ROWS,
  CLIP_RUN,
  FILL_RUN,
  LANES,
  LINEAR_ROWS,
  LOOKUPS,
  PRODUCT_COLUMNS,
  RANK_RUN,
  SPARSE_TERM_WORDS,
  SPARSE_WEIGHT_WORDS,
  SUM_CHANNELS,
  type Told,
  UNIFORM_RUN,
  UPDATE_RUN,
  WINO_POINTS,
  WINO_TILE,
} from './contract.js';
import type { Buffer, Line, Word } from './place.js';

export interface ImageStrides {
  channel: number;
  block: number;
  group: number;
}

export interface RowStrides {
  row: number;
  block: number;
}

export interface ClassStrides {
  class: number;
  block: number;
}

export interface WeightStrides {
  group: number;
  output: number;
  channel: number;
}

export interface MatrixStrides {
  leading: number;
  row: number;
  column: number;
  block: number;
}

export interface PositionStrides {
  row: number;
  position: number;
  inner: number;
  block: number;
}

export interface Image {
  /** Lines from channel to channel. */
  channel: number;
  block: number;
  row: number;
  column: number;
  /** Pixels. */
  height: number;
  width: number;
}

export interface MapOperand {
  line: Line;
  /** Lines where laned, else floats, as the strides. */
  offset: number;
  /** 1 where one number serves all samples. */
  plain: number;
  strides: readonly number[];
}

export interface MapOutput {
  line: Line;
  offset: number;
  plain: number;
  strides: readonly number[];
  /** Register. */
  from: number;
  /** One of the results. */
  how: number;
  /** Whether lanes are reduced, too. */
  across: number;
}

export interface MapInstruction {
  function: number;
  /** Register. */
  to: number;
  /** Register, or the constant. */
  a: number | { float: number };
  b: number;
  c: number;
}

export interface Move {
  /** Of the body, counted from 0. */
  step: number;
  /** Of its arguments. */
  word: number;
  /** What is added to it from one round to the next. */
  by: number;
}

export interface RepeatCall {
  /** That follow and are the body. */
  steps: number;
  /** At least 1. */
  times: number;
  moves: readonly Move[];
}

export interface FillCall {
  target: Line;
  floats: number;
  value: number;
}

export interface ConvCall {
  x: Line;
  y: Line;
  /** As conv_pack leaves them. */
  weights: Line;
  /** One for each output. */
  bias: Line | undefined;
  /** Classes of pixels. */
  table: Line;
  /** Per group. */
  channels: number;
  /** Per group. */
  outputs: number;
  groups: number;
  /** Weights for a pair of channels. */
  window: number;
  /** Outputs of a register tile. */
  height: number;
  xBy: ImageStrides;
  yBy: ImageStrides;
  blocks: number;
  blocksPerItem: number;
  tilesPerItem: number;
}

export interface ConvPackCall {
  weights: Line;
  /** Floats. */
  offset: number;
  packed: Line;
  /** Of each item the weights that are not 0. */
  counts: Line;
  /** Per group. */
  channels: number;
  /** Per group. */
  outputs: number;
  groups: number;
  window: number;
  height: number;
  by: WeightStrides;
}

export interface MapCall {
  rowsPerItem: number;
  /** How many samples count; missing where all lanes do. */
  valid: Line | undefined;
  /** 1 where no operand is laned. */
  plain: number;
  /** The axis that runs over blocks of samples, or −1. */
  blockAxis: number;
  /** Of the innermost axis where plain. */
  elements: number;
  /** Its number in formulas.c, or −1. */
  formula: number;
  sizes: readonly number[];
  operands: readonly MapOperand[];
  outputs: readonly MapOutput[];
  instructions: readonly MapInstruction[];
}

export interface MaxPoolCall {
  x: Line;
  y: Line;
  /** Which of a position's entries is the largest. */
  winner: Line;
  /** Where the entries of each position start. */
  start: Line;
  /** Lines from a row's begin, entry by entry. */
  from: Line;
  /** Lines from a row's begin, position by position. */
  to: Line;
  /** Of a block. */
  rows: number;
  positions: number;
  rowsPerItem: number;
  xBy: RowStrides;
  yBy: RowStrides;
  winnerBy: RowStrides;
  blocks: number;
}

export interface PositionsCall {
  x: Line;
  y: Line;
  start: Line;
  from: Line;
  weight: Line;
  /** Of a block. */
  rows: number;
  positions: number;
  inner: number;
  rowsPerItem: number;
  xBy: PositionStrides;
  yBy: PositionStrides;
  blocks: number;
}

export interface NormalizeCall {
  x: Line;
  scale: Line;
  bias: Line;
  runningMean: Line;
  runningVariance: Line;
  a: Line;
  b: Line;
  mean: Line;
  inverse: Line;
  valid: Line;
  /** Lines. */
  xChannel: number;
  xBlock: number;
  xPixel: number;
  channels: number;
  blocks: number;
  pixels: number;
  epsilon: number;
  momentum: number;
}

export interface MatmulCall {
  a: Line;
  b: Line;
  c: Line;
  aLaned: number;
  bLaned: number;
  leading: number;
  rows: number;
  inner: number;
  columns: number;
  aBy: MatrixStrides;
  bBy: MatrixStrides;
  cBy: MatrixStrides;
  blocks: number;
}

export interface GatherCall {
  table: Line;
  index: Line;
  y: Line;
  rows: number;
  width: number;
  count: number;
  /** Floats. */
  tableRow: number;
  tableColumn: number;
  /** Lines. */
  indexStep: number;
  indexBlock: number;
  yStep: number;
  yColumn: number;
  yBlock: number;
  blocks: number;
}

export interface ScatterSumCall {
  table: Line;
  index: Line;
  dy: Line;
  valid: Line;
  rows: number;
  width: number;
  count: number;
  /** Lines. */
  indexStep: number;
  indexBlock: number;
  dyStep: number;
  dyColumn: number;
  dyBlock: number;
  blocks: number;
}

export interface UniformCall {
  target: Line;
  /** Two integers, seed and step. */
  seed: Line;
  stream: number;
  elements: number;
}

export interface PlaneSparseCall {
  /** The first pixel of channel 0, as everywhere in planes. */
  x: Line;
  y: Line;
  residual: Line | undefined;
  /** Floats, −1 for outputs without. */
  residualOffsets: Line | undefined;
  /** Distances and values. */
  terms: Line;
  /** Where the terms of each output start. */
  starts: Line;
  bias: Line;
  tiles: Line;
  /** Of each item the range of its tiles and that of its outputs. */
  cuts: Line;
  /** Missing where every float is a pixel. */
  mask: Line | undefined;
  tileCount: number;
  cutCount: number;
  /** Floats. */
  yChannel: number;
  /** Floats that tiles store. */
  run: number;
  /** Floats. */
  margin: number;
  low: number;
  high: number;
}

export interface PlaneDenseCall {
  x: Line;
  y: Line;
  residual: Line | undefined;
  residualOffsets: Line | undefined;
  weights: Line;
  /** Of each tap, group by group. */
  distances: Line;
  bias: Line;
  tiles: Line;
  /** Of each item the range of its tiles and that of its blocks. */
  cuts: Line;
  mask: Line | undefined;
  tileCount: number;
  cutCount: number;
  yChannel: number;
  run: number;
  margin: number;
  taps: number;
  /** Outputs of a group. */
  group: number;
  /** Of a group. */
  blocks: number;
  low: number;
  high: number;
}

export interface PlanePointsCall {
  x: Line;
  y: Line;
  residual: Line | undefined;
  residualOffsets: Line | undefined;
  weights: Line;
  distances: Line;
  bias: Line;
  tiles: Line;
  cuts: Line;
  cutCount: number;
  yChannel: number;
  run: number;
  margin: number;
  taps: number;
  outputs: number;
  /** Floats. */
  xRow: number;
  yRow: number;
  low: number;
  high: number;
}

export interface PlaneMaxCall {
  x: Line;
  y: Line;
  distances: Line;
  tiles: Line;
  cuts: Line;
  mask: Line | undefined;
  tileCount: number;
  cutCount: number;
  /** Floats. */
  xChannel: number;
  yChannel: number;
  run: number;
  margin: number;
  taps: number;
}

export interface PlanePhasesCall {
  x: Line;
  /** Floats. */
  xOffset: number;
  y: Line;
  channels: number;
  height: number;
  width: number;
  sy: number;
  sx: number;
  /** Floats. */
  xChannel: number;
  xRow: number;
  yPlane: number;
  yRow: number;
  /** Of a plane. */
  rows: number;
  run: number;
  margin: number;
  fill: number;
}

export interface LinearCall {
  x: Line;
  /** Floats. */
  xOffset: number;
  y: Line;
  /** Row by row. */
  weights: Line;
  bias: Line;
  inputs: number;
  outputs: number;
  low: number;
  high: number;
}

export interface LinearSparseCall {
  x: Line;
  /** Floats. */
  xOffset: number;
  y: Line;
  /** Places and values. */
  terms: Line;
  starts: Line;
  bias: Line;
  outputs: number;
  low: number;
  high: number;
}

export interface PlaneSumCall {
  x: Line;
  y: Line;
  channels: number;
  /** Floats. */
  xChannel: number;
  /** Floats, whole lines. */
  run: number;
  factor: number;
}

export interface BlendCall {
  x: Line;
  y: Line;
  start: Line;
  from: Line;
  weight: Line;
  /** Of y in all. */
  rows: number;
  positions: number;
  /** Floats of a row. */
  inner: number;
  /** Floats. */
  xRow: number;
}

export interface CopyCall {
  x: Line;
  /** Floats. */
  xOffset: number;
  y: Line;
  yOffset: number;
  rowsPerItem: number;
  sizes: readonly number[];
  xStrides: readonly number[];
  yStrides: readonly number[];
}

export interface ProductCall {
  a: Line;
  /** Floats. */
  aOffset: number;
  b: Line;
  bOffset: number;
  /** Without gaps. */
  c: Line;
  leading: number;
  rows: number;
  inner: number;
  columns: number;
  /** Floats. */
  aLeading: number;
  aRow: number;
  aInner: number;
  bLeading: number;
  bRow: number;
}

export interface LookupCall {
  /** Row by row. */
  table: Line;
  index: Line;
  /** Floats. */
  indexOffset: number;
  y: Line;
  rows: number;
  width: number;
  count: number;
  indexStep: number;
}

export interface ConvWeightCall {
  x: Line;
  dy: Line;
  dw: Line;
  table: Line;
  mask: Line | undefined;
  /** Whether gradients of pruned weights are wanted. */
  every: Line;
  /** Of each item the weights that the mask keeps; missing without a mask. */
  counts: Line | undefined;
  /** Per group. */
  channels: number;
  /** Per group. */
  outputs: number;
  groups: number;
  window: number;
  xBy: ImageStrides;
  dyBy: ImageStrides;
  blocks: number;
  blocksPerPart: number;
  /** Channels of an item. */
  run: number;
}

export interface WinogradCall {
  x: Line;
  y: Line;
  /** As winograd_pack leaves them. */
  filters: Line;
  bias: Line | undefined;
  channels: number;
  outputs: number;
  /** Outputs of a register tile. */
  height: number;
  /** Floats from a point's filters to those of the next. */
  point: number;
  xImage: Image;
  yImage: Image;
  top: number;
  left: number;
  blocks: number;
  /** Of an item. */
  spots: number;
  /** Outputs of an item, a multiple of height. */
  run: number;
}

export interface WinogradPackCall {
  weights: Line;
  /** Floats. */
  offset: number;
  filters: Line;
  channels: number;
  outputs: number;
  height: number;
  point: number;
  /** Floats. */
  byOutput: number;
  byChannel: number;
  /** 1 where the window is turned round. */
  turned: number;
}

export interface WinogradWeightCall {
  x: Line;
  dy: Line;
  /** Part by part. */
  sums: Line;
  channels: number;
  outputs: number;
  xImage: Image;
  dyImage: Image;
  top: number;
  left: number;
  blocks: number;
  /** At a time. */
  spots: number;
  spotsPerPart: number;
  /** Outputs of an item. */
  run: number;
}

export interface WinogradWeightSumCall {
  sums: Line;
  dw: Line;
  mask: Line | undefined;
  every: Line;
  channels: number;
  outputs: number;
  parts: number;
}

export interface ConvSparseCall {
  x: Line;
  y: Line;
  weights: Line;
  /** Floats. */
  offset: number;
  bias: Line | undefined;
  table: Line;
  /** Of each tile the weights that are not 0. */
  counts: Line;
  /** Per group. */
  channels: number;
  /** Per group. */
  outputs: number;
  groups: number;
  window: number;
  /** Outputs of an item. */
  tile: number;
  xBy: ImageStrides;
  yBy: ImageStrides;
  blocks: number;
  blocksPerItem: number;
  by: WeightStrides;
  /** 1 where taps are taken from the last on. */
  backwards: number;
}

export interface ConvWeightSparseCall {
  x: Line;
  dy: Line;
  /** Part by part; dw itself where there is one. */
  parts: Line;
  mask: Line;
  table: Line;
  /** Of each run of channels of a group the weights that the mask keeps. */
  counts: Line;
  /** Per group. */
  channels: number;
  /** Per group. */
  outputs: number;
  groups: number;
  window: number;
  xBy: ImageStrides;
  dyBy: ImageStrides;
  blocks: number;
  blocksPerPart: number;
  /** Channels of an item. */
  run: number;
  /** Weights at once. */
  room: number;
}

export interface SumPartsCall {
  dw: Line;
  parts: Line;
  count: number;
  elements: number;
}

export interface MaxPoolInputCall {
  dx: Line;
  dy: Line;
  winner: Line;
  start: Line;
  from: Line;
  to: Line;
  /** Of each entry its position's line among the winners, and which of its entries it is. */
  taps: Line;
  rows: number;
  /** Of dx. */
  positions: number;
  rowsPerItem: number;
  dxBy: RowStrides;
  dyBy: RowStrides;
  winnerBy: RowStrides;
  blocks: number;
}

export interface NormalizeInputCall {
  /** Σdy. */
  sum: Line;
  /** Σdy·x̂. */
  product: Line;
  a: Line;
  mean: Line;
  inverse: Line;
  p: Line;
  q: Line;
  valid: Line;
  channels: number;
  pixels: number;
}

export interface CrossEntropyCall {
  logits: Line;
  /** A line a block. */
  labels: Line;
  loss: Line;
  correct: Line;
  dlogits: Line;
  valid: Line;
  /** Samples of the whole batch. */
  whole: Line;
  /** Its logits. */
  teacher: Line | undefined;
  classes: number;
  blocks: number;
  logitsBy: ClassStrides;
  dlogitsBy: ClassStrides;
  teacherBy: ClassStrides;
  smoothing: number;
  temperature: number;
  /** Of the teacher. */
  weight: number;
}

export interface SgdCall {
  weight: Line;
  gradient: Line;
  /** Velocity. */
  first: Line;
  mask: Line;
  hyper: Line;
  elements: number;
}

export interface AdamCall {
  weight: Line;
  gradient: Line;
  first: Line;
  second: Line;
  mask: Line;
  hyper: Line;
  elements: number;
}

export interface AccumulateCall {
  sum: Line;
  gradient: Line;
  elements: number;
}

export interface SquareSumCall {
  x: Line;
  mask: Line;
  /** Doubles, one for each item. */
  sums: Line;
  elements: number;
}

export interface ClipSumCall {
  z: Line;
  /** A double. */
  v: Line;
  /** Two doubles for each item. */
  results: Line;
  elements: number;
}

export interface ClipCall {
  z: Line;
  v: Line;
  elements: number;
}

export interface MagnitudeCountsCall {
  values: Line;
  /** Base and shift. */
  window: Line;
  /** RANK_COUNTS for each item. */
  counts: Line;
  elements: number;
}

export interface MagnitudeMarksCall {
  values: Line;
  marks: Line;
  /** Bits. */
  kth: Line;
  /** One for each item. */
  quotas: Line;
  elements: number;
}

/** A function for each kernel, which adds a call of it to the program. */
export interface Calls {
  repeat(call: RepeatCall): void;
  fill(call: FillCall): void;
  conv(call: ConvCall): void;
  convPack(call: ConvPackCall): void;
  map(call: MapCall): void;
  maxPool(call: MaxPoolCall): void;
  positions(call: PositionsCall): void;
  normalize(call: NormalizeCall): void;
  matmul(call: MatmulCall): void;
  gather(call: GatherCall): void;
  scatterSum(call: ScatterSumCall): void;
  uniform(call: UniformCall): void;
  planeSparse(call: PlaneSparseCall): void;
  planeDense(call: PlaneDenseCall): void;
  planePoints(call: PlanePointsCall): void;
  planeMax(call: PlaneMaxCall): void;
  planePhases(call: PlanePhasesCall): void;
  linear(call: LinearCall): void;
  linearSparse(call: LinearSparseCall): void;
  planeSum(call: PlaneSumCall): void;
  blend(call: BlendCall): void;
  copy(call: CopyCall): void;
  product(call: ProductCall): void;
  mapRows(call: MapCall): void;
  lookup(call: LookupCall): void;
  convWeight(call: ConvWeightCall): void;
  winograd(call: WinogradCall): void;
  winogradPack(call: WinogradPackCall): void;
  winogradWeight(call: WinogradWeightCall): void;
  winogradWeightSum(call: WinogradWeightSumCall): void;
  convSparse(call: ConvSparseCall): void;
  convWeightSparse(call: ConvWeightSparseCall): void;
  sumParts(call: SumPartsCall): void;
  maxPoolInput(call: MaxPoolInputCall): void;
  normalizeInput(call: NormalizeInputCall): void;
  crossEntropy(call: CrossEntropyCall): void;
  sgd(call: SgdCall): void;
  adam(call: AdamCall): void;
  accumulate(call: AccumulateCall): void;
  squareSum(call: SquareSumCall): void;
  clipSum(call: ClipSumCall): void;
  clip(call: ClipCall): void;
  magnitudeCounts(call: MagnitudeCountsCall): void;
  magnitudeMarks(call: MagnitudeMarksCall): void;
}

/** Where calls go, and what they need to know of the machine. */
export interface Caller {
  told: Told;
  step(kernel: string, items: number, words: Word[]): void;
  /** Memory of so many lines for each thread. */
  scratch(lines: number): Buffer;
}

/** "No line", in the place of one that may be missing. */
const NONE = -1;

const ceilDiv = (a: number, b: number): number => Math.ceil(a / b);

function exactly(count: number, numbers: readonly number[]): readonly number[] {
  if (numbers.length !== count) throw new Error(`A kernel wants ${count} numbers, not ${numbers.length}`);
  return numbers;
}

const imageStrides = (r: ImageStrides): Word[] => [r.channel, r.block, r.group];
const rowStrides = (r: RowStrides): Word[] => [r.row, r.block];
const classStrides = (r: ClassStrides): Word[] => [r.class, r.block];
const weightStrides = (r: WeightStrides): Word[] => [r.group, r.output, r.channel];
const matrixStrides = (r: MatrixStrides): Word[] => [r.leading, r.row, r.column, r.block];
const positionStrides = (r: PositionStrides): Word[] => [r.row, r.position, r.inner, r.block];
const image = (r: Image): Word[] => [r.channel, r.block, r.row, r.column, r.height, r.width];
const mapOperand = (r: MapOperand): Word[] => [r.line, r.offset, r.plain, ...exactly(7, r.strides)];
const mapOutput = (r: MapOutput): Word[] => [
  r.line,
  r.offset,
  r.plain,
  ...exactly(7, r.strides),
  r.from,
  r.how,
  r.across,
];
const mapInstruction = (r: MapInstruction): Word[] => [r.function, r.to, r.a, r.b, r.c];
const move = (r: Move): Word[] => [r.step, r.word, r.by];

const wordsOfMap = (a: MapCall): Word[] => [
  a.operands.length,
  a.outputs.length,
  a.instructions.length,
  a.rowsPerItem,
  a.valid ?? NONE,
  a.plain,
  a.blockAxis,
  a.elements,
  a.formula,
  ...exactly(7, a.sizes),
  ...a.operands.flatMap(mapOperand),
  ...a.outputs.flatMap(mapOutput),
  ...a.instructions.flatMap(mapInstruction),
];

export const callsTo = ({ told, step, scratch }: Caller): Calls => ({
  repeat(a) {
    step('repeat', 0, [a.moves.length, a.steps, a.times, ...a.moves.flatMap(move)]);
  },
  fill(a) {
    step('fill', ceilDiv(a.floats, FILL_RUN), [a.target, a.floats, { float: a.value }]);
  },
  conv(a) {
    step(
      'conv',
      ceilDiv(a.blocks, a.blocksPerItem) * a.groups * ceilDiv(ceilDiv(a.outputs, a.height), a.tilesPerItem),
      [
        a.x,
        a.y,
        a.weights,
        a.bias ?? NONE,
        a.table,
        a.channels,
        a.outputs,
        a.groups,
        a.window,
        a.height,
        ...imageStrides(a.xBy),
        ...imageStrides(a.yBy),
        a.blocks,
        a.blocksPerItem,
        a.tilesPerItem,
      ],
    );
  },
  convPack(a) {
    step('conv_pack', a.groups * ceilDiv(a.outputs, a.height), [
      a.weights,
      a.offset,
      a.packed,
      a.counts,
      a.channels,
      a.outputs,
      a.groups,
      a.window,
      a.height,
      ...weightStrides(a.by),
    ]);
  },
  map(a) {
    step('map', ceilDiv(a.sizes[0] * a.sizes[1] * a.sizes[2] * a.sizes[3], a.rowsPerItem), wordsOfMap(a));
  },
  maxPool(a) {
    step('max_pool', ceilDiv(a.rows * a.blocks, a.rowsPerItem), [
      a.x,
      a.y,
      a.winner,
      a.start,
      a.from,
      a.to,
      a.rows,
      a.positions,
      a.rowsPerItem,
      ...rowStrides(a.xBy),
      ...rowStrides(a.yBy),
      ...rowStrides(a.winnerBy),
      a.blocks,
    ]);
  },
  positions(a) {
    step('positions', ceilDiv(a.rows * a.blocks, a.rowsPerItem), [
      a.x,
      a.y,
      a.start,
      a.from,
      a.weight,
      a.rows,
      a.positions,
      a.inner,
      a.rowsPerItem,
      ...positionStrides(a.xBy),
      ...positionStrides(a.yBy),
      a.blocks,
    ]);
  },
  normalize(a) {
    step('normalize', a.channels, [
      a.x,
      a.scale,
      a.bias,
      a.runningMean,
      a.runningVariance,
      a.a,
      a.b,
      a.mean,
      a.inverse,
      a.valid,
      a.xChannel,
      a.xBlock,
      a.xPixel,
      a.channels,
      a.blocks,
      a.pixels,
      { float: a.epsilon },
      { float: a.momentum },
    ]);
  },
  matmul(a) {
    step('matmul', a.leading * a.blocks, [
      a.a,
      a.b,
      a.c,
      a.aLaned,
      a.bLaned,
      a.leading,
      a.rows,
      a.inner,
      a.columns,
      ...matrixStrides(a.aBy),
      ...matrixStrides(a.bBy),
      ...matrixStrides(a.cBy),
      a.blocks,
    ]);
  },
  gather(a) {
    step('gather', a.count * a.blocks, [
      a.table,
      a.index,
      a.y,
      a.rows,
      a.width,
      a.count,
      a.tableRow,
      a.tableColumn,
      a.indexStep,
      a.indexBlock,
      a.yStep,
      a.yColumn,
      a.yBlock,
      a.blocks,
    ]);
  },
  scatterSum(a) {
    step('scatter_sum', a.width, [
      a.table,
      a.index,
      a.dy,
      a.valid,
      a.rows,
      a.width,
      a.count,
      a.indexStep,
      a.indexBlock,
      a.dyStep,
      a.dyColumn,
      a.dyBlock,
      a.blocks,
    ]);
  },
  uniform(a) {
    step('uniform', ceilDiv(a.elements, UNIFORM_RUN), [a.target, a.seed, a.stream, a.elements]);
  },
  planeSparse(a) {
    step('plane_sparse', a.cutCount, [
      a.x,
      a.y,
      a.residual ?? NONE,
      a.residualOffsets ?? NONE,
      a.terms,
      a.starts,
      a.bias,
      a.tiles,
      a.cuts,
      a.mask ?? NONE,
      a.tileCount,
      a.cutCount,
      a.yChannel,
      a.run,
      a.margin,
      { float: a.low },
      { float: a.high },
    ]);
  },
  planeDense(a) {
    step('plane_dense', a.cutCount, [
      a.x,
      a.y,
      a.residual ?? NONE,
      a.residualOffsets ?? NONE,
      a.weights,
      a.distances,
      a.bias,
      a.tiles,
      a.cuts,
      a.mask ?? NONE,
      a.tileCount,
      a.cutCount,
      a.yChannel,
      a.run,
      a.margin,
      a.taps,
      a.group,
      a.blocks,
      { float: a.low },
      { float: a.high },
    ]);
  },
  planePoints(a) {
    step('plane_points', a.cutCount, [
      a.x,
      a.y,
      a.residual ?? NONE,
      a.residualOffsets ?? NONE,
      a.weights,
      a.distances,
      a.bias,
      a.tiles,
      a.cuts,
      a.cutCount,
      a.yChannel,
      a.run,
      a.margin,
      a.taps,
      a.outputs,
      a.xRow,
      a.yRow,
      { float: a.low },
      { float: a.high },
    ]);
  },
  planeMax(a) {
    step('plane_max', a.cutCount, [
      a.x,
      a.y,
      a.distances,
      a.tiles,
      a.cuts,
      a.mask ?? NONE,
      a.tileCount,
      a.cutCount,
      a.xChannel,
      a.yChannel,
      a.run,
      a.margin,
      a.taps,
    ]);
  },
  planePhases(a) {
    step('plane_phases', a.channels, [
      a.x,
      a.xOffset,
      a.y,
      a.channels,
      a.height,
      a.width,
      a.sy,
      a.sx,
      a.xChannel,
      a.xRow,
      a.yPlane,
      a.yRow,
      a.rows,
      a.run,
      a.margin,
      { float: a.fill },
    ]);
  },
  linear(a) {
    step('linear', ceilDiv(a.outputs, LINEAR_ROWS), [
      a.x,
      a.xOffset,
      a.y,
      a.weights,
      a.bias,
      a.inputs,
      a.outputs,
      { float: a.low },
      { float: a.high },
    ]);
  },
  linearSparse(a) {
    step('linear_sparse', ceilDiv(a.outputs, LINEAR_ROWS), [
      a.x,
      a.xOffset,
      a.y,
      a.terms,
      a.starts,
      a.bias,
      a.outputs,
      { float: a.low },
      { float: a.high },
    ]);
  },
  planeSum(a) {
    step('plane_sum', ceilDiv(a.channels, SUM_CHANNELS), [
      a.x,
      a.y,
      a.channels,
      a.xChannel,
      a.run,
      { float: a.factor },
    ]);
  },
  blend(a) {
    step('blend', ceilDiv(a.rows, BLEND_ROWS), [
      a.x,
      a.y,
      a.start,
      a.from,
      a.weight,
      a.rows,
      a.positions,
      a.inner,
      a.xRow,
    ]);
  },
  copy(a) {
    step('copy', ceilDiv(a.sizes[0] * a.sizes[1] * a.sizes[2] * a.sizes[3], a.rowsPerItem), [
      a.x,
      a.xOffset,
      a.y,
      a.yOffset,
      a.rowsPerItem,
      ...exactly(6, a.sizes),
      ...exactly(6, a.xStrides),
      ...exactly(6, a.yStrides),
    ]);
  },
  product(a) {
    step('product', a.leading * ceilDiv(a.columns, PRODUCT_COLUMNS * told.VL), [
      a.a,
      a.aOffset,
      a.b,
      a.bOffset,
      a.c,
      a.leading,
      a.rows,
      a.inner,
      a.columns,
      a.aLeading,
      a.aRow,
      a.aInner,
      a.bLeading,
      a.bRow,
    ]);
  },
  mapRows(a) {
    step(
      'map_rows',
      ceilDiv(a.sizes[0] * a.sizes[1] * a.sizes[2] * a.sizes[3], a.rowsPerItem),
      wordsOfMap(a),
    );
  },
  lookup(a) {
    step('lookup', ceilDiv(a.count, LOOKUPS), [
      a.table,
      a.index,
      a.indexOffset,
      a.y,
      a.rows,
      a.width,
      a.count,
      a.indexStep,
    ]);
  },
  convWeight(a) {
    step('conv_weight', a.groups * ceilDiv(a.outputs, told.CW_MO) * ceilDiv(a.channels, a.run), [
      a.x,
      a.dy,
      a.dw,
      a.table,
      a.mask ?? NONE,
      a.every,
      a.counts ?? NONE,
      a.channels,
      a.outputs,
      a.groups,
      a.window,
      ...imageStrides(a.xBy),
      ...imageStrides(a.dyBy),
      a.blocks,
      a.blocksPerPart,
      a.run,
      { buffer: scratch(told.CW_MO * a.run * a.window) },
    ]);
  },
  winograd(a) {
    step(
      'winograd',
      ceilDiv(a.blocks * ceilDiv(a.yImage.height, WINO_TILE) * ceilDiv(a.yImage.width, WINO_TILE), a.spots) *
        ceilDiv(a.outputs, a.run),
      [
        a.x,
        a.y,
        a.filters,
        a.bias ?? NONE,
        a.channels,
        a.outputs,
        a.height,
        a.point,
        ...image(a.xImage),
        ...image(a.yImage),
        a.top,
        a.left,
        a.blocks,
        a.spots,
        a.run,
        { buffer: scratch(WINO_POINTS * (a.channels * a.spots + 1 + a.run * a.spots + 1)) },
      ],
    );
  },
  winogradPack(a) {
    step('winograd_pack', ceilDiv(a.outputs, a.height), [
      a.weights,
      a.offset,
      a.filters,
      a.channels,
      a.outputs,
      a.height,
      a.point,
      a.byOutput,
      a.byChannel,
      a.turned,
    ]);
  },
  winogradWeight(a) {
    step(
      'winograd_weight',
      ceilDiv(
        a.blocks * ceilDiv(a.dyImage.height, WINO_TILE) * ceilDiv(a.dyImage.width, WINO_TILE),
        a.spotsPerPart,
      ) * ceilDiv(a.outputs, a.run),
      [
        a.x,
        a.dy,
        a.sums,
        a.channels,
        a.outputs,
        ...image(a.xImage),
        ...image(a.dyImage),
        a.top,
        a.left,
        a.blocks,
        a.spots,
        a.spotsPerPart,
        a.run,
        {
          buffer: scratch(
            WINO_POINTS *
              (a.spots * ceilDiv(a.channels, LANES) * LANES + 1 + a.run * a.spots + 1 + LANES + 1),
          ),
        },
      ],
    );
  },
  winogradWeightSum(a) {
    step('winograd_weight_sum', a.outputs, [
      a.sums,
      a.dw,
      a.mask ?? NONE,
      a.every,
      a.channels,
      a.outputs,
      a.parts,
    ]);
  },
  convSparse(a) {
    step('conv_sparse', ceilDiv(a.blocks, a.blocksPerItem) * a.groups * ceilDiv(a.outputs, a.tile), [
      a.x,
      a.y,
      a.weights,
      a.offset,
      a.bias ?? NONE,
      a.table,
      a.counts,
      a.channels,
      a.outputs,
      a.groups,
      a.window,
      a.tile,
      ...imageStrides(a.xBy),
      ...imageStrides(a.yBy),
      a.blocks,
      a.blocksPerItem,
      ...weightStrides(a.by),
      a.backwards,
      {
        buffer: scratch(
          ceilDiv(
            2 * a.tile +
              a.window +
              a.tile * a.channels * a.window * (SPARSE_WEIGHT_WORDS + SPARSE_TERM_WORDS),
            LANES,
          ),
        ),
      },
    ]);
  },
  convWeightSparse(a) {
    step('conv_weight_sparse', ceilDiv(a.blocks, a.blocksPerPart) * a.groups * ceilDiv(a.channels, a.run), [
      a.x,
      a.dy,
      a.parts,
      a.mask,
      a.table,
      a.counts,
      a.channels,
      a.outputs,
      a.groups,
      a.window,
      ...imageStrides(a.xBy),
      ...imageStrides(a.dyBy),
      a.blocks,
      a.blocksPerPart,
      a.run,
      a.room,
      { buffer: scratch(a.room + ceilDiv(2 * a.room * SPARSE_TERM_WORDS + 2 * a.outputs + a.window, LANES)) },
    ]);
  },
  sumParts(a) {
    step('sum_parts', ceilDiv(a.elements, FILL_RUN), [a.dw, a.parts, a.count, a.elements]);
  },
  maxPoolInput(a) {
    step('max_pool_input', ceilDiv(a.rows * a.blocks, a.rowsPerItem), [
      a.dx,
      a.dy,
      a.winner,
      a.start,
      a.from,
      a.to,
      a.taps,
      a.rows,
      a.positions,
      a.rowsPerItem,
      ...rowStrides(a.dxBy),
      ...rowStrides(a.dyBy),
      ...rowStrides(a.winnerBy),
      a.blocks,
    ]);
  },
  normalizeInput(a) {
    step('normalize_input', 1, [
      a.sum,
      a.product,
      a.a,
      a.mean,
      a.inverse,
      a.p,
      a.q,
      a.valid,
      a.channels,
      a.pixels,
    ]);
  },
  crossEntropy(a) {
    step('cross_entropy', 1, [
      a.logits,
      a.labels,
      a.loss,
      a.correct,
      a.dlogits,
      a.valid,
      a.whole,
      a.teacher ?? NONE,
      a.classes,
      a.blocks,
      ...classStrides(a.logitsBy),
      ...classStrides(a.dlogitsBy),
      ...classStrides(a.teacherBy),
      { float: a.smoothing },
      { float: a.temperature },
      { float: a.weight },
    ]);
  },
  sgd(a) {
    step('sgd', ceilDiv(a.elements, UPDATE_RUN), [
      a.weight,
      a.gradient,
      a.first,
      a.mask,
      a.hyper,
      a.elements,
    ]);
  },
  adam(a) {
    step('adam', ceilDiv(a.elements, UPDATE_RUN), [
      a.weight,
      a.gradient,
      a.first,
      a.second,
      a.mask,
      a.hyper,
      a.elements,
    ]);
  },
  accumulate(a) {
    step('accumulate', ceilDiv(a.elements, UPDATE_RUN), [a.sum, a.gradient, a.elements]);
  },
  squareSum(a) {
    step('square_sum', ceilDiv(a.elements, UPDATE_RUN), [a.x, a.mask, a.sums, a.elements]);
  },
  clipSum(a) {
    step('clip_sum', ceilDiv(a.elements, CLIP_RUN), [a.z, a.v, a.results, a.elements]);
  },
  clip(a) {
    step('clip', ceilDiv(a.elements, CLIP_RUN), [a.z, a.v, a.elements]);
  },
  magnitudeCounts(a) {
    step('magnitude_counts', ceilDiv(a.elements, RANK_RUN), [a.values, a.window, a.counts, a.elements]);
  },
  magnitudeMarks(a) {
    step('magnitude_marks', ceilDiv(a.elements, RANK_RUN), [a.values, a.marks, a.kth, a.quotas, a.elements]);
  },
});
