// When a commit is acknowledged, and so what a power cut may take back.

/**
 * When a commit is acknowledged: `group` after an fsync that it shares with all that wait, `always` after one of its
 * own, `interval` and `none` before it is durable.
 */
export type FsyncMode = "group" | "always" | "interval" | "none";

export const fsyncModes: readonly FsyncMode[] = ["group", "always", "interval", "none"];

/** Whether a mode acknowledges commits that a power cut can take back. */
export function isLossy(mode: FsyncMode): boolean {
  return mode === "interval" || mode === "none";
}
