export { version } from '../base/version.js';
