/** What a call's result means to a breaker; `ignored` counts neither way (a client's error, a cancellation). */
export type CircuitOutcome = "success" | "failure" | "ignored";

/** Why a breaker opened, half-opened or closed. */
export type CircuitReason =
  | "consecutive-failures"
  | "failure-ratio"
  | "slow-call-ratio"
  | "probe-failed"
  | "reset-timeout"
  | "probes-succeeded"
  | "probes-lost"
  | "probe"
  | "forced"
  | "reset"
  | "restored";

/** Where a breaker stands, with the facts of that state. */
export type CircuitState =
  | {
      readonly status: "closed";
      /** Failures since the last success. */
      readonly consecutiveFailures: number;
    }
  | {
      readonly status: "open";
      readonly reason: CircuitReason;
      /** What {@link CircuitBreaker.forceOpen} was told; only with the reason `forced`. */
      readonly detail?: string;
      /** Until probes are let through, in milliseconds; `Infinity` when only a person or a health check ends it. */
      readonly retryAfterMs: number;
      /** How often it opened without having stayed closed for `monitoringWindowMs` in between, from 1. */
      readonly trips: number;
    }
  | {
      readonly status: "half-open";
      /** Probes that are out. */
      readonly inFlight: number;
      /** Probes that succeeded; `successThreshold` of them close it. */
      readonly successes: number;
    };

/** Told to `onEvent` after the breaker has changed. */
export interface CircuitEvent {
  readonly type: "circuit-state-change";
  readonly name: string | undefined;
  readonly from: CircuitState["status"];
  readonly to: CircuitState["status"];
  readonly reason: CircuitReason;
  /** What `forceOpen` or `forceClose` was told. */
  readonly detail?: string;
}
