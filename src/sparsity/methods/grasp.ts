/**
 * GraSP: gradient signal preservation.
 * Wang, Zhang, Grosse: "Picking winning tickets before training by preserving gradient flow", ICLR 2020, arXiv 2002.07376.
 *
 * Before training, the weights of largest −w ⊙ Hg go, all layers ranked together: those without which the norm of the
 * gradient falls least, or rises most. That is the order of smallest w ⊙ Hg, by value; `objectives/gradient-norm.ts` says
 * how Hg is had. It looks at ten images of every class, as the source does for CIFAR-10 (`perClass`; 0: at the run's first
 * batch). The source initialises the last layer anew to score it; here the weights that are scored are those that train.
 */
import { gradual } from '../gradual.js';

export const grasp = gradual({
  name: 'grasp',
  summary: 'Gradient signal preservation before training (Wang et al., 2020)',
  source: {
    paper:
      'Wang, Zhang, Grosse: “Picking winning tickets before training by preserving gradient flow”, ICLR 2020, arXiv 2002.07376',
  },
  defaults: {
    score: 'weight-times-gradient',
    objective: 'gradient-norm',
    perClass: 10,
    pruningSchedule: 'one-shot',
    rounds: 1,
  },
});
