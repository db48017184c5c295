// The three libraries behind one shape, so that the same scenario can be played to each. Each opens on the first
// failure, lets one probe through after a second, and lives on a clock that the scenario moves.
import {
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleAll,
  type IHalfOpenSamplingOptions,
} from "cockatiel";
import OpossumBreaker from "opossum";
import { vi } from "vitest";
import { createCircuitBreaker } from "../src/circuit-breaker.ts";
import { createFakeClock } from "../src/testing.ts";

export interface Subject {
  readonly name: "fairlead" | "cockatiel" | "opossum";
  /** Calls started per call of the operation given. */
  execute(operation: () => Promise<unknown>): Promise<unknown>;
  status(): "closed" | "open" | "half-open";
  advance(ms: number): Promise<void>;
  close(): void;
}

export const resetMs = 1_000;

export function fairlead(probes = 1): Subject {
  const clock = createFakeClock();
  const breaker = createCircuitBreaker({
    clock,
    failureThreshold: 1,
    resetTimeoutMs: resetMs,
    halfOpenMaxCalls: probes,
    successThreshold: probes,
  });
  return {
    name: "fairlead",
    execute: (operation) => breaker.execute(operation),
    status: () => breaker.state.status,
    advance: (ms) => clock.advance(ms),
    close: () => {},
  };
}

/** Its `Date.now` and timers are the process's own; the suite fakes those around it. */
export function cockatiel(halfOpenSampling?: IHalfOpenSamplingOptions): Subject {
  const policy = circuitBreaker(handleAll, {
    halfOpenAfter: resetMs,
    breaker: new ConsecutiveBreaker(1),
    ...(halfOpenSampling && { halfOpenSampling }),
  });
  return {
    name: "cockatiel",
    execute: (operation) => policy.execute(operation),
    status: () => {
      if (policy.state === CircuitState.Closed) return "closed";
      return policy.state === CircuitState.HalfOpen ? "half-open" : "open";
    },
    advance: advanceGlobal,
    close: () => {},
  };
}

export function opossum(): Subject {
  const breaker = new OpossumBreaker((operation: () => Promise<unknown>) => operation(), {
    timeout: false,
    errorThresholdPercentage: 1,
    resetTimeout: resetMs,
  });
  return {
    name: "opossum",
    execute: (operation) => breaker.fire(operation),
    status: () => {
      if (breaker.closed) return "closed";
      return breaker.halfOpen ? "half-open" : "open";
    },
    advance: advanceGlobal,
    close: () => breaker.shutdown(),
  };
}

export async function advanceGlobal(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}
