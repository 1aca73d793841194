/** For tests: groups of small graphs in a few words. */
import type { Sketch } from '../onnx/sketch.test.fixture.js';
import type { Channels } from './index.js';

export { type Sketch, sketch } from '../onnx/sketch.test.fixture.js';

/** "8: a.0 out, a.b.0 along, b.1 in ×4" */
export const groupsInWords = ({ groups }: Channels): string[] =>
  groups.map(({ size, members }) => {
    const words = members.map(
      ({ tensor, axis, role, positions: [first] }) =>
        `${tensor}.${axis} ${role}${first.length > 1 ? ` ×${first.length}` : ''}`,
    );
    return `${size}: ${words.join(', ')}`;
  });

/** "a.1 in: its positions are an input of the model ('x')" */
export const frozenInWords = ({ frozen }: Channels): string[] =>
  frozen.map(({ tensor, axis, role, reason }) => `${tensor}.${axis} ${role}: ${reason}`);

export interface Trouble {
  name: string;
  build: (s: Sketch) => string | string[];
  opset?: number;
  /** The engine has no form for it. */
  engineless?: boolean;
  /** Not even in core operators. */
  inexpressible?: boolean;
  heads?: boolean;
}
