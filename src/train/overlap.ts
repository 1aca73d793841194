/** Getting the next item ready while the last one is being worked on. */

/**
 * Hands every item to `use`, in order, one at a time, and asks for the next as soon as `use` first waits. Ends early when
 * `use` gives false.
 */
export async function overlap<T>(
  items: AsyncGenerator<T>,
  use: (item: T) => Promise<boolean>,
): Promise<void> {
  try {
    let current = await items.next();
    while (!current.done) {
      const [more, next] = await Promise.all([use(current.value), items.next()]);
      if (!more) return;
      current = next;
    }
  } finally {
    await items.return(undefined);
  }
}
