// Errors on their way from a thread: what crosses is data, what arrives is a RagError again.
import { RagError, type RagErrorCode, type RagErrorFacts } from "../errors.ts";

export interface Failure {
  readonly code: RagErrorCode;
  readonly message: string;
  readonly facts: RagErrorFacts;
}

export function failureError({ code, message, facts }: Failure): RagError {
  return new RagError(code, message, facts);
}
