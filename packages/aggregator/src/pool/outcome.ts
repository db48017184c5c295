// How the end of an attempt is told to the balancer and to the breaker.
import type { LeaseOutcome } from "@fairlead/balancer";
import type { CircuitOutcome } from "@fairlead/core";
import type { UpstreamFailure } from "../upstream/connection.ts";

export interface AttemptOutcome {
  readonly lease: LeaseOutcome;
  readonly breaker: CircuitOutcome;
}

const INTERNAL_ERROR = -32603;

export const SUCCESS: AttemptOutcome = { lease: "success", breaker: "success" };
export const TIMEOUT: AttemptOutcome = { lease: "timeout", breaker: "failure" };
/** It might have answered well, but another attempt was faster. */
export const HEDGE_LOSER: AttemptOutcome = { lease: "hedge-loser", breaker: "ignored" };
export const CANCELLED: AttemptOutcome = { lease: "cancelled", breaker: "ignored" };

const SERVER_ERROR: AttemptOutcome = { lease: "app-error", breaker: "failure" };
// The server is well enough to say what was wrong with the call.
const CLIENT_ERROR: AttemptOutcome = { lease: "client-error", breaker: "success" };

/** A JSON-RPC error answer: only -32603 is the server's own fault. */
export function outcomeOfError(code: number | undefined): AttemptOutcome {
  return code === INTERNAL_ERROR ? SERVER_ERROR : CLIENT_ERROR;
}

/** An attempt without an answer. */
export function outcomeOfFailure(failure: UpstreamFailure): AttemptOutcome {
  switch (failure.kind) {
    case "transport":
    case "protocol":
      return { lease: "transport-error", breaker: "failure" };
    case "overload":
      return { lease: "overload", breaker: "failure" };
    case "refused":
      return { lease: "client-error", breaker: "ignored" };
    case "session-lost":
    case "closed":
      return { lease: "not-sent", breaker: "ignored" };
  }
}
