/** The public surface of the `calibration` room: what samples without labels say of a network, and what can be computed from it. */
export { type Elimination, eliminate, type Reader, readersIn } from './eliminate.js';
export { type Reconstructed, type ReconstructOptions, type Repaired, reconstruct } from './reconstruct.js';
export { type Calibration, calibrationSamples, type DrawOptions, type Samples } from './samples.js';
export { type Sparsifier, type SparsifyOptions, sparsified } from './sparsify.js';
export { type SparsifyLayersOptions, sparsifyLayers } from './sparsify-layers.js';
export { type Visited, type VisitOptions, type VisitPlan, visitLayers } from './visit.js';
