// Which calls are recorded. The SDK would decide it too, but only after it has made ids and attributes for a span that
// is then thrown away: most of the cost of a pipelined read. So it is decided here, and the SDK records what it gets.

import type { Carrier } from "../telemetry/tracer.ts";

export interface Sampling {
  /** Share of calls that are recorded, in [0, 1], where no caller has decided. */
  readonly ratio: number;
  /** Whether a caller's decision holds. */
  readonly followsParent: boolean;
}

/** `version-traceid-parentid-flags`, and whatever a later version appends. */
const traceparentForm = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-|$)/;

/** Whether to record a call that this is known of. `random` gives numbers in [0, 1). */
export function isSampled(
  { ratio, followsParent }: Sampling,
  carrier: Carrier | undefined,
  random: () => number,
): boolean {
  const parent = carrier === undefined ? null : traceparentForm.exec(carrier.traceparent);
  if (parent === null) return ratio > 0 && random() < ratio;
  const [, traceId = "", flags = ""] = parent;
  if (followsParent) return (Number.parseInt(flags, 16) & 1) === 1;
  return shareOf(traceId) < ratio;
}

/**
 * Where a trace stands among all traces, in [0, 1), so that all who see it decide alike: like the SDK's
 * TraceIdRatioBasedSampler, all four words of the id, one over the other.
 */
function shareOf(traceId: string): number {
  let word = 0;
  for (let i = 0; i < 32; i += 8) word = (word ^ Number.parseInt(traceId.slice(i, i + 8), 16)) >>> 0;
  return word / 2 ** 32;
}
