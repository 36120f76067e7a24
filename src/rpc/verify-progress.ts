// What a verification has found and not yet sent. When the client reads too slowly, the verification waits for it.

import { FindingSeverity, type VerifyDatabaseResponse, type VerifyFinding } from "../../gen/docdb/v1/operations.ts";
import type { Finding, Verification } from "../engine/commands.ts";

/** Findings that wait to be sent before the verification does. */
const mostWaiting = 1_000;

const severities: Readonly<Record<Finding["severity"], FindingSeverity>> = {
  info: FindingSeverity.INFO,
  warning: FindingSeverity.WARNING,
  error: FindingSeverity.ERROR,
};

export class VerifyProgress implements Verification {
  #findings: VerifyFinding[] = [];
  #bytes = 0;
  #records = 0;
  #total = 0;
  #taken: PromiseWithResolvers<void> | undefined;
  #closed = false;

  readonly found = async (finding: Finding): Promise<void> => {
    if (this.#closed) return;
    this.#findings.push(onWire(finding));
    if (this.#findings.length < mostWaiting) return;
    this.#taken ??= Promise.withResolvers<void>();
    await this.#taken.promise;
  };

  readonly checked = (bytes: number, records: number): void => {
    this.#bytes += bytes;
    this.#records += records;
  };

  readonly onTotal = (bytes: number): void => {
    this.#total = bytes;
  };

  /** Nobody takes anything any more: the verification must not wait. */
  close(): void {
    this.#closed = true;
    this.take(true);
  }

  /** The next message: what was found since the one before. */
  take(done: boolean): VerifyDatabaseResponse {
    const findings = this.#findings;
    this.#findings = [];
    this.#taken?.resolve();
    this.#taken = undefined;
    return {
      findings,
      bytesChecked: BigInt(this.#bytes),
      bytesTotal: BigInt(this.#total),
      recordsChecked: BigInt(this.#records),
      done,
    };
  }
}

function onWire({ severity, offset, length, version, ...fields }: Finding): VerifyFinding {
  return {
    ...fields,
    severity: severities[severity],
    offset: BigInt(offset),
    length: BigInt(length),
    version: BigInt(version),
  };
}
