// What callers are told when a call ends without an answer.
import type { AggregatorErrorCode, AggregatorErrorFacts } from "../errors.ts";
import type { UpstreamFailure } from "../upstream/connection.ts";

/** To which the call adds its pool and its attempts. */
export interface CallFault {
  readonly code: AggregatorErrorCode;
  readonly message: string;
  readonly facts: AggregatorErrorFacts;
  readonly cause?: unknown;
}

export function queueFull(namespace: string, retryAfterMs: number): CallFault {
  return {
    code: "QUEUE_FULL",
    message: `Too many calls wait for an upstream of ${namespace}; try again in ${inSeconds(retryAfterMs)} s.`,
    facts: { outcome: "not-executed", retryAfterMs },
  };
}

export function queueTimeout(namespace: string, waitedMs: number, retryAfterMs: number): CallFault {
  return {
    code: "QUEUE_TIMEOUT",
    message: `Every upstream of ${namespace} was busy for ${inSeconds(waitedMs)} s; try again in ${inSeconds(retryAfterMs)} s.`,
    facts: { outcome: "not-executed", retryAfterMs },
  };
}

export function noServers(namespace: string, subject: string, retryAfterMs: number): CallFault {
  return {
    code: "NO_SERVERS_AVAILABLE",
    message: `No upstream of ${namespace} is available for ${subject}; see its state in the gateway's status.`,
    facts: { outcome: "not-executed", retryAfterMs },
  };
}

export function failoverExhausted(
  subject: string,
  tried: readonly string[],
  { message, retryAfterMs, cause }: UpstreamFailure,
): CallFault {
  return {
    code: "FAILOVER_EXHAUSTED",
    message: `${subject} failed on ${tried.join(", ")}; the last failure: ${message}`,
    facts: { outcome: "not-executed", ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
    cause,
  };
}

export function brokenOff(subject: string, upstream: string, { message }: UpstreamFailure): CallFault {
  return {
    code: "CONNECTION_FAILED",
    message: `The answer to ${subject} broke off: ${message}`,
    facts: { upstream, outcome: "unknown" },
  };
}

export function outcomeUnknown(subject: string, upstream: string, { message }: UpstreamFailure): CallFault {
  return {
    code: "OUTCOME_UNKNOWN",
    message: `${subject} was sent to ${upstream}, but no answer came: ${message}. It may have been executed; check before you repeat it.`,
    facts: { upstream, outcome: "unknown" },
  };
}

export function refused(
  subject: string,
  upstream: string,
  { message, rpcError }: UpstreamFailure,
): CallFault {
  return {
    code: "CONNECTION_FAILED",
    message: `${upstream} refused ${subject}: ${message}`,
    facts: {
      upstream,
      outcome: "not-executed",
      ...(rpcError === undefined ? {} : { upstreamError: rpcError }),
    },
  };
}

/** @param upstream that had it at the end */
export function deadlineExceeded(
  subject: string,
  upstream: string | undefined,
  timeoutMs: number,
): CallFault {
  return {
    code: "DEADLINE_EXCEEDED",
    message: `${subject} got no answer within ${timeoutMs / 1_000} s.`,
    facts: { ...(upstream === undefined ? {} : { upstream }), timeoutMs, outcome: "unknown" },
  };
}

function inSeconds(ms: number): number {
  return Math.ceil(ms / 100) / 10;
}
