/** Files that ship with the package, in a page: the bundle has them in modules of their own, which are fetched when they are asked for. */

let load: ((name: string) => Promise<Uint8Array>) | undefined;

/** The bundle says how it gets them. */
export function bringFiles(given: (name: string) => Promise<Uint8Array>): void {
  load = given;
}

export const readShipped = (name: string): Promise<Uint8Array> => load!(name);
