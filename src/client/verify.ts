// Verification of a database's files on the server: what `db.verify()` yields.

import {
  FindingSeverity as WireSeverity,
  OperationsServiceService as Rpcs,
  type VerifyFinding as WireFinding,
} from "../../gen/docdb/v1/operations.ts";
import type { CallOptions, Connection } from "./connection.ts";

/**
 * `info`: nothing is lost and nothing has to be done. `warning`: damaged, but rebuilt from what is intact. `error`:
 * something that was acknowledged is damaged, and no intact copy was found. "unknown": this client is too old for it.
 */
export type Severity = "info" | "warning" | "error" | "unknown";

/** One thing that isn't as it should be. */
export interface Finding {
  readonly severity: Severity;
  /** Path relative to the server's data directory. */
  readonly file: string;
  /** Where it starts, in bytes from the start of the file. */
  readonly offset: bigint;
  /** Bytes concerned; 0: unknown. */
  readonly length: bigint;
  /** What is wrong, for programs: DOCUMENT_CORRUPT. */
  readonly reason: string;
  /** What is wrong and what it means, for people. */
  readonly message: string;
  /** Name of the collection concerned; empty: none, or unknown. */
  readonly collection: string;
  /** Id of the document concerned; 0: none, or unknown. */
  readonly id: bigint;
  /** Version of the document or commit concerned; 0: none, or unknown. */
  readonly version: bigint;
}

/** What was found since the message before, and how far it has come. */
export interface VerifyProgress {
  readonly findings: readonly Finding[];
  readonly bytesChecked: bigint;
  /** Bytes there are to check. */
  readonly bytesTotal: bigint;
  readonly recordsChecked: bigint;
  /** Every byte was checked: this is the last message. */
  readonly done: boolean;
}

const severities: Readonly<Record<number, Severity>> = {
  [WireSeverity.INFO]: "info",
  [WireSeverity.WARNING]: "warning",
  [WireSeverity.ERROR]: "error",
};

/** See `Database.verify`. */
export async function* verify(
  connection: Connection,
  database: string,
  options: CallOptions,
): AsyncGenerator<VerifyProgress, void, void> {
  for await (const { findings, ...progress } of connection.stream(Rpcs.verifyDatabase, { database }, options)) {
    yield { ...progress, findings: findings.map(findingOf) };
  }
}

function findingOf({ severity, ...fields }: WireFinding): Finding {
  return { ...fields, severity: severities[severity] ?? "unknown" };
}
