// What the gateway knows about one client: what it has used, what it may use, and whether it is paused.
import type { Refusal } from "@fairlead/aggregator";
import { type CircuitBreaker, type Clock, createCircuitBreaker, createRateLimiter } from "@fairlead/core";
import { type ByteMeter, createByteMeter } from "./byte-meter.ts";
import type { ClientBreakerSettings, ClientLimits } from "./settings.ts";

/** What a client has used since it was first seen. */
export interface ClientUsage {
  requests: number;
  toolCalls: number;
  errors: number;
  toolErrors: number;
  cancelled: number;
  refused: number;
  bytesIn: number;
  bytesOut: number;
}

export interface ClientState {
  readonly id: string;
  readonly limits: ClientLimits;
  readonly breaker: CircuitBreaker | undefined;
  readonly usage: ClientUsage;
  readonly bytes: ByteMeter;
  /** On the monotonic clock, in milliseconds. */
  readonly firstSeenAt: number;
  usedAt: number;
  inFlight: number;
  streams: number;
  sessions: number;
  /** Milliseconds until a request may pass. */
  tokenWaitMs(): number;
  /** A request passes. */
  takeToken(): void;
}

export type LimitName = "requests" | "concurrency" | "streams" | "sessions" | "bytes" | "clients" | "breaker";

export interface ClientStateOptions {
  readonly limits: ClientLimits;
  readonly breaker: ClientBreakerSettings;
  readonly clock: Clock;
}

export function createClientState(id: string, { limits, breaker, clock }: ClientStateOptions): ClientState {
  const { requestsPerMinute } = limits;
  const limiter =
    requestsPerMinute === 0
      ? undefined
      : createRateLimiter({ ratePerSecond: requestsPerMinute / 60, burst: requestsPerMinute, clock });
  return {
    id,
    limits,
    breaker:
      breaker.failureThreshold === 0
        ? undefined
        : createCircuitBreaker({
            ...breaker,
            name: id,
            // One good request after the pause is enough; a bad one pauses again.
            successThreshold: 1,
            halfOpenMaxCalls: 1,
            clock,
          }),
    usage: {
      requests: 0,
      toolCalls: 0,
      errors: 0,
      toolErrors: 0,
      cancelled: 0,
      refused: 0,
      bytesIn: 0,
      bytesOut: 0,
    },
    bytes: createByteMeter(limits.bytesPerMinute, clock),
    firstSeenAt: clock.now(),
    usedAt: clock.now(),
    inFlight: 0,
    streams: 0,
    sessions: 0,
    tokenWaitMs: () => limiter?.retryAfterMs() ?? 0,
    takeToken: () => void limiter?.tryAcquire(),
  };
}

/** JSON-RPC codes of refusals, outside of the range that the protocol reserves. */
const LIMITED = -31_429;
const UNAVAILABLE = -31_503;

/** The refusal that a client gets; the message names the wait, because many clients show nothing else. */
export function refusal(id: string, limit: LimitName, text: string, retryAfterMs: number): Refusal {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1_000));
  const isOverload = limit === "clients";
  return {
    refuse: {
      code: isOverload ? UNAVAILABLE : LIMITED,
      status: isOverload ? 503 : 429,
      message: `${text} Try again in ${seconds} s.`,
      data: { code: limit === "breaker" ? "CLIENT_PAUSED" : "RATE_LIMITED", limit, client: id },
      retryAfterMs: Math.max(Math.ceil(retryAfterMs), 1),
    },
  };
}
