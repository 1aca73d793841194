/**
 * Which lines of a memory are taken: a first-fit list of holes, kept sorted and coalesced. A block of a page or more
 * starts at a page.
 */
const PAGE_LINES = 64;

export interface Space {
  /** The address of `lines` free lines in a row, now taken; undefined when no hole is that long. */
  take(lines: number): number | undefined;
  /** Gives a block back and says how long it was. Throws RangeError when no block starts at `line`. */
  give(line: number): number;
  /** Lines that are free, in all. */
  free(): number;
}

/** All lines from `first` up to, not including, `limit` are free at the start. */
export function createSpace(first: number, limit: number): Space {
  const holes = [{ from: first, to: limit }];
  const blocks = new Map<number, number>();

  function take(lines: number): number | undefined {
    const step = lines >= PAGE_LINES ? PAGE_LINES : 1;
    for (let i = 0; i < holes.length; i++) {
      const hole = holes[i];
      const from = Math.ceil(hole.from / step) * step;
      const to = from + lines;
      if (to > hole.to) continue;
      const left = [
        { from: hole.from, to: from },
        { from: to, to: hole.to },
      ];
      holes.splice(i, 1, ...left.filter((part) => part.to > part.from));
      blocks.set(from, lines);
      return from;
    }
    return undefined;
  }

  function give(line: number): number {
    const lines = blocks.get(line);
    if (lines === undefined) throw new RangeError(`no block starts at line ${line}`);
    blocks.delete(line);
    let low = 0;
    for (let high = holes.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if (holes[middle].from < line) low = middle + 1;
      else high = middle;
    }
    const before = holes[low - 1]?.to === line ? 1 : 0;
    const after = holes[low]?.from === line + lines ? 1 : 0;
    const from = before ? holes[low - 1].from : line;
    const to = after ? holes[low].to : line + lines;
    holes.splice(low - before, before + after, { from, to });
    return lines;
  }

  return { take, give, free: () => holes.reduce((sum, hole) => sum + hole.to - hole.from, 0) };
}
