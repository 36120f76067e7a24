// What is healthy, for the health service: the server as a whole, its services, and each database as
// `docdb.v1/<database>`. https://github.com/grpc/grpc/blob/master/doc/health-checking.md

import { HealthCheckResponse_ServingStatus as ServingStatus } from "../../gen/health/v1/health.ts";
import type { DatabaseState } from "../engine/commands.ts";

const databasePrefix = "docdb.v1/";

export class HealthBoard {
  readonly #services: readonly string[];
  /** Whether each database can be used as it should be, by its name in lower case, with the name as it is spelled. */
  readonly #databases = new Map<string, { name: string; usable: boolean }>();
  readonly #watchers = new Set<() => void>();
  #serving = false;

  /** Knows the server itself (the empty name) and these services, none of which serves yet. */
  constructor(services: readonly string[]) {
    this.#services = ["", ...services];
  }

  /** Whether the server takes work. While it doesn't, nothing serves. */
  setServing(serving: boolean): void {
    this.#serving = serving;
    this.#changed();
  }

  /** Notes the state of a database: usable unless it is read-only or failed. */
  setDatabase(name: string, state: DatabaseState | "deleted"): void {
    if (state === "deleted") this.#databases.delete(name.toLowerCase());
    else this.#databases.set(name.toLowerCase(), { name, usable: state === "open" || state === "closed" });
    this.#changed();
  }

  /** The status of a service or a database; undefined when there is none of that name. */
  statusOf(service: string): ServingStatus | undefined {
    if (this.#services.includes(service)) return this.#status(true);
    if (!service.startsWith(databasePrefix)) return undefined;
    const database = this.#databases.get(service.slice(databasePrefix.length).toLowerCase());
    return database === undefined ? undefined : this.#status(database.usable);
  }

  /** All names with their status. */
  all(): Map<string, ServingStatus> {
    const statuses = new Map(this.#services.map((name) => [name, this.#status(true)]));
    for (const { name, usable } of this.#databases.values()) statuses.set(databasePrefix + name, this.#status(usable));
    return statuses;
  }

  /** Calls `onChange` after every change, until the returned function is called. */
  watch(onChange: () => void): () => void {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  #status(usable: boolean): ServingStatus {
    return this.#serving && usable ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  }

  #changed(): void {
    for (const onChange of this.#watchers) onChange();
  }
}
