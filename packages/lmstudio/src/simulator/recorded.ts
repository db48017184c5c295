import type { FaultKind } from "./faults.ts";

/** What reached the host. */
export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  /** Number among the inference requests, from 1; absent for all others. */
  readonly number?: number;
  readonly model?: string;
  /** The fault that it met. */
  readonly fault?: FaultKind;
}
