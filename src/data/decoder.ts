/** What decodes pictures, in a file of its own: declarations that lead here would need its types, which not everybody has. */
import { importOptional } from '../base/index.js';

/** What decodes pictures. @throws UserError where it is not installed. */
export const decoder = () => importOptional('sharp', () => import('sharp'), 'Decoding pictures');
