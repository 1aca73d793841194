/**
 * The calibration room: what samples without labels say of a network, and weights that are solved for from them.
 */

// Samples, and a pass over them layer by layer.

export { type Calibration, calibrationSamples, type DrawOptions, type Samples } from './samples.js';
export { type Visited, type VisitOptions, type VisitPlan, visitLayers } from './visit.js';

// What it takes.

export { costOfSample } from './cost.js';

// Weights solved for: after pruning, in place of removed inputs, or in a sparse layer.

export { type Elimination, eliminate, type Reader, readersIn } from './eliminate.js';
export { type Reconstructed, type ReconstructOptions, type Repaired, reconstruct } from './reconstruct.js';
export { type Sparsifier, type SparsifyOptions, sparsified } from './sparsify.js';
export { type SparsifyLayersOptions, sparsifyLayers } from './sparsify-layers.js';
