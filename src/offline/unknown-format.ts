// Files of a format that another version of DocDB writes. They are not damaged, and nothing may be "repaired" on them.

import { damaged } from "../storage/disk-errors.ts";

/**
 * Throws DATABASE_CORRUPT, which names the file and the format, when `decoded` says that the header is sound and its
 * format unknown. The decoders look at the checksum first, so damage is never taken for this.
 */
export function refuseUnknownFormat(path: string, decoded: string): void {
  if (/format \d+ is unknown/.test(decoded)) throw damaged(path, decoded);
}
