// What makes a mutation safe to repeat.

export interface RequestIdOption {
  /**
   * Names this mutation, at most 64 bytes; a UUID does. A second call with the same id and content isn't applied again:
   * it resolves to what the first one did, also after a restart of the server, for ten minutes at least.
   * REQUEST_ID_REUSED when the content is another. Default: none.
   */
  readonly requestId?: string | undefined;
}
