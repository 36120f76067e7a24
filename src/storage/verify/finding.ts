// What a verification finds: one thing that isn't as it should be, where it is, and what it means.

/**
 * `info`: nothing is lost and nothing has to be done. `warning`: damaged, but rebuilt from what is intact, or of no
 * consequence as far as can be known. `error`: something that was acknowledged is damaged, and no intact copy was
 * found.
 */
export type Severity = "info" | "warning" | "error";

/** What is wrong, for programs. */
export type FindingReason =
  /** A document's newest version is damaged. */
  | "DOCUMENT_CORRUPT"
  /** A record that nobody reads any more is damaged: it was replaced or deleted. */
  | "DEAD_RECORD_CORRUPT"
  /** What a request came to is damaged. That it was applied is still known. */
  | "REQUEST_CORRUPT"
  /** Bytes of a data file that are no record, of which it isn't known whose they were. */
  | "DATA_CORRUPT"
  /** The index locates a document where there is none. */
  | "INDEX_CORRUPT"
  /** The index snapshot can't be used: the next start rebuilds it. */
  | "SNAPSHOT_CORRUPT"
  /** Bytes of the write-ahead log that had been durable are damaged or missing. */
  | "WAL_CORRUPT"
  /**
   * An interrupted write at the end of the write-ahead log, of which nobody was told, or damage that looks like one.
   */
  | "WAL_TORN"
  /** The catalog can't be used. */
  | "CATALOG_CORRUPT"
  /** A file is missing, of an unknown format, or another database's. */
  | "FILE_UNUSABLE"
  /** A file that belongs to no database. */
  | "FILE_UNKNOWN";

export interface Finding {
  readonly severity: Severity;
  /** Path relative to the data directory: `data/shop.data`. */
  readonly file: string;
  /** Where it starts, in bytes from the start of the file. */
  readonly offset: number;
  /** Bytes concerned; 0: unknown. */
  readonly length: number;
  readonly reason: FindingReason;
  /** What is wrong and what it means, for people. */
  readonly message: string;
  /** Name of the collection concerned; empty: none, or unknown. */
  readonly collection: string;
  /** Id of the document concerned; 0: none, or unknown. */
  readonly id: bigint;
  /** Version of the document or commit concerned; 0: none, or unknown. */
  readonly version: number;
}

/** A finding with what most of them lack left out. */
export function finding(
  fields: Pick<Finding, "severity" | "file" | "offset" | "length" | "reason" | "message"> & Partial<Finding>,
): Finding {
  return { collection: "", id: 0n, version: 0, ...fields };
}

/** Who is told of findings and of progress. */
export interface VerifySink {
  /** Takes a finding; awaited, so that a slow reader holds the verification up instead of filling memory. */
  readonly found: (finding: Finding) => Promise<void>;
  /** Bytes and records that were checked since the last call. */
  readonly checked: (bytes: number, records: number) => void;
}

/** A sink that is also told how much there is. */
export interface Verification extends VerifySink {
  /** Bytes that there are to read. */
  readonly onTotal: (bytes: number) => void;
}
