// DocDB's engine, to be embedded in a process without a server.

export { DocDBError, type ErrorCategory, type ErrorCode } from "../base/errors.ts";
export { limits, maxDocumentId } from "../base/limits.ts";
export type { Platform } from "../platform/platform.ts";
export { realPlatform } from "../platform/real/real-platform.ts";
export { type FsyncMode, fsyncModes } from "../storage/fsync-mode.ts";
export { type Observer, silentObserver } from "../telemetry/observer.ts";
export type * from "./commands.ts";
export { Engine } from "./engine.ts";
export type { EngineOptions } from "./engine-options.ts";
