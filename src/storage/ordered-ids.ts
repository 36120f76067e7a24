// The ids of a collection in order, beside the hash index.

/** What the index tells of: an id of which it may have begun or ceased to be found. */
export interface OrderedIds {
  /** Bytes of memory that the order takes. */
  readonly memoryBytes: number;
  /** Called when a document came to be or ceased to be, for readers of now or for those of a snapshot. */
  changed(low: number, high: number): void;
}
