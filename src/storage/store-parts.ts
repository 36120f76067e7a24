// What an open database's storage consists of, for the work that concerns all of it: checkpoints, compaction, healing.

import type { Platform } from "../platform/platform.ts";
import type { Background } from "../platform/background.ts";
import type { Meters } from "../telemetry/meters.ts";
import type { DataFiles } from "./data-files.ts";
import type { DocumentIndex } from "./document-index.ts";
import type { GroupCommit } from "./group-commit.ts";
import type { Layout } from "./layout.ts";
import type { WalLog } from "./wal-log.ts";

export interface StoreParts {
  readonly platform: Platform;
  /** The share of work that concerns all of it, where nobody waits for it. */
  readonly background: Background;
  readonly meters: Meters;
  readonly layout: Layout;
  readonly databaseId: number;
  readonly data: DataFiles;
  readonly wal: WalLog;
  readonly index: DocumentIndex;
  readonly committer: GroupCommit;
}
