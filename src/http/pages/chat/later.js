// Parts of the page that are loaded when somebody first wants them.

/** Asks for it when first called, and again only after a failure. */
export function later(load) {
  let loaded;
  return () => {
    loaded ??= load().catch((error) => {
      loaded = undefined;
      throw error;
    });
    return loaded;
  };
}
