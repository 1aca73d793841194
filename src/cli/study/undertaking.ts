/** What a call of espalier study carries out, and how. */
import type { EngineName } from '../../engine/index.js';
import type { Study, StudyRun } from '../../runs/index.js';

export interface Undertaking {
  study: Study;
  runs: readonly StudyRun[];
  out: string;
  jobs: number;
  threads: number;
  engine?: EngineName;
  queue?: string;
  /** Where runs are kept for machines that share no folder. */
  storage?: string;
  /** Brings the folder in step with the storage. */
  refresh?: () => Promise<void>;
}
