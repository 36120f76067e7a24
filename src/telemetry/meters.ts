// What the layers below the wire count, over all databases of an engine and since its start, whatever is opened and
// closed meanwhile. They add to it as things happen; whoever exposes metrics reads it. Times are milliseconds.

import { durationBoundsMs, groupSizeBounds, Histogram, longDurationBoundsMs } from "./histogram.ts";
import type { GroupTimes } from "./operation-times.ts";

/** Work that ends well or not, and how long it takes when it ends well. */
export class UpkeepMeter {
  readonly durations: Histogram = new Histogram(longDurationBoundsMs);
  failed = 0;
}

export class Meters {
  /** Commits in each group that became visible. */
  readonly groupSizes: Histogram = new Histogram(groupSizeBounds);
  /** Writing a group to the WAL and the data file. */
  readonly appends: Histogram = new Histogram(durationBoundsMs);
  /** Fsyncs of WALs. */
  readonly fsyncs: Histogram = new Histogram(durationBoundsMs);
  /** Bytes written to WALs. */
  walBytes = 0;
  readonly checkpoints: UpkeepMeter = new UpkeepMeter();
  readonly compactions: UpkeepMeter = new UpkeepMeter();
  /** Bytes that compactions gave back. */
  reclaimedBytes = 0;
  readonly transactions = { begun: 0, committed: 0, rolledBack: 0, conflicted: 0, timedOut: 0 };
  /** `healings` are attempts to heal a damaged document. */
  readonly healing = {
    healings: 0,
    healed: { memory: 0, wal: 0, backup: 0 },
    /** Documents found damaged. */
    corrupt: 0,
    /** Documents checked by a scrubber or on demand. */
    checked: 0,
    scrubs: 0,
  };

  /** A group of commits has become durable, with so many bytes of WAL. */
  group({ commits, appendMs, appendedMs }: GroupTimes, walBytes: number): void {
    this.walBytes += walBytes;
    this.groupSizes.record(commits);
    this.appends.record(appendedMs - appendMs);
  }
}
