export { type Machine, type MachineOptions, openMachine } from './machine.js';
export { type LoadOptions, loadNetwork } from './network.js';
export type * from './types.js';
