// grpc.health.v1.Health over the health board. It answers while the server starts and drains, too: that is when it
// matters.
//
// Our own, because the implementation in grpc-health-check never ends a Watch (a draining server would wait for it),
// can't forget a deleted database, and keeps something for every name that anybody ever asked for.

import { HealthCheckResponse_ServingStatus as ServingStatus, type HealthService } from "../../gen/health/v1/health.ts";
import { DocDBError } from "../base/errors.ts";
import type { HealthBoard } from "./health-board.ts";
import type { Handlers } from "./service.ts";

export function healthService(board: HealthBoard): Handlers<typeof HealthService> {
  return {
    async check({ service }) {
      const status = board.statusOf(service);
      if (status !== undefined) return { status };
      throw new DocDBError(
        "SERVICE_UNKNOWN",
        `There is no service or database ${JSON.stringify(service.slice(0, 100))}.`,
      );
    },

    async *watch({ service }, { signal }) {
      let sent: ServingStatus | undefined;
      let changed: (() => void) | undefined;
      const wake = (): void => changed?.();
      const unwatch = board.watch(wake);
      signal.addEventListener("abort", wake);
      try {
        for (;;) {
          const status = board.statusOf(service) ?? ServingStatus.SERVICE_UNKNOWN;
          if (status !== sent) {
            sent = status;
            yield { status };
            continue;
          }
          if (signal.aborted) return;
          await new Promise<void>((resolve) => {
            changed = resolve;
          });
        }
      } finally {
        unwatch();
        signal.removeEventListener("abort", wake);
      }
    },

    async list() {
      const statuses = [...board.all()].map(([name, status]) => [name, { status }] as const);
      return { statuses: Object.fromEntries(statuses) };
    },
  };
}
