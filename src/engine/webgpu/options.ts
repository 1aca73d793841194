/**
 * How a GPU is opened. In a file of its own, as not every compiler that reads the library's declarations knows the types of WebGPU, which
 * the driver's are made of.
 */
export interface WebGpuOptions {
  /** Whether the times of steps are taken, which takes time itself. */
  timed?: boolean;
  /** Whether subgroups are used where there are any, which changes no bit; default true. */
  subgroups?: boolean;
}
