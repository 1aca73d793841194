/** The version in package.json, which the bundle has as a constant. */
declare const ESPALIER_VERSION: string;

export const version = ESPALIER_VERSION;
