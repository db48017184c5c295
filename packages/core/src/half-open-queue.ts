// Calls that wait for the verdict of a half-open breaker's probes.
import { type Clock, setTimerOn } from "./clock.ts";
import type { CircuitOpenError } from "./errors.ts";
import { rejectLater } from "./reject-later.ts";

export interface HalfOpenQueue {
  readonly size: number;
  /** A permit, in the order of waiting; rejects with the breaker's refusal or the signal's reason. */
  wait(signal: AbortSignal | undefined): Promise<number>;
  /** Asks the breaker for up to `most` of those that wait; where it refuses for good, all are refused. */
  letIn(most: number): void;
}

/**
 * @param ask - a permit or a refusal, as the breaker decides now
 * @param timeoutMs - when to ask for a call of its own accord: the probes may never answer
 */
export function createHalfOpenQueue(
  clock: Clock,
  timeoutMs: number,
  ask: () => number | CircuitOpenError,
): HalfOpenQueue {
  const waiters = new Set<(answer: number | CircuitOpenError) => void>();
  return {
    get size() {
      return waiters.size;
    },
    wait(signal) {
      return new Promise((resolve, reject) => {
        const answer = (given: unknown): void => {
          waiters.delete(answer);
          cancel();
          signal?.removeEventListener("abort", abort);
          if (typeof given === "number") resolve(given);
          else rejectLater(reject, given);
        };
        const abort = (): void => answer(signal?.reason);
        const cancel = setTimerOn(clock, () => answer(ask()), timeoutMs);
        signal?.addEventListener("abort", abort);
        waiters.add(answer);
      });
    },
    letIn(most) {
      let left = most;
      for (const answer of waiters) {
        if (left === 0) break;
        const given = ask();
        // Half-open and all probes out: the others go on waiting. Open: nobody has anything to wait for.
        if (typeof given !== "number" && given.retryAfterMs === 0) break;
        if (typeof given === "number") left -= 1;
        answer(given);
      }
    },
  };
}
