// What can go wrong in this package, one code per situation; README.md has a row for each.

export type RagErrorCode =
  | "STORE_OPEN_FAILED"
  | "STORE_TOO_NEW"
  | "STORE_FULL"
  | "STORE_BUSY"
  | "STORE_FAILED"
  | "STORE_CLOSED"
  | "EMBEDDING_MISMATCH"
  | "EMBEDDING_FAILED"
  | "NO_EMBEDDER"
  | "RERANK_FAILED"
  | "NOT_FOUND"
  | "INVALID_INPUT"
  | "PATH_NOT_ALLOWED"
  | "FILE_UNREADABLE"
  | "FORMAT_UNSUPPORTED"
  | "FORMAT_BROKEN"
  | "NO_SERVERS_AVAILABLE"
  | "QUERY_FAILED"
  | "NOT_CONNECTED"
  | "DEADLINE_EXCEEDED";

/** Facts of an error, as they are worth showing: no secrets, no whole documents. */
export type RagErrorFacts = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** Every error that this package throws on purpose; branch on `code`. */
export class RagError extends Error {
  readonly code: RagErrorCode;
  readonly facts: RagErrorFacts;

  constructor(code: RagErrorCode, message: string, facts: RagErrorFacts = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = "RagError";
    this.code = code;
    this.facts = facts;
  }
}
