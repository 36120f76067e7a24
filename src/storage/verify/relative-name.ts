// Paths as findings name them: relative to the data directory, so that they mean the same to whoever reads them.

import type { Layout } from "../layout.ts";

/** `data/shop.data` for a path of this database's files. */
export function relativeName(path: string, layout: Layout): string {
  const root = layout.dataDirectory.slice(0, -"/data".length);
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path;
}
