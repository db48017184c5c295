// Keeps a server that fails fast from attracting traffic: it always has the fewest leases in flight, so that an
// unprotected least-connections sends it most of the requests. After a failure an endpoint is held back for a
// time that doubles with each further one; then a single request at a time tries it until one succeeds.
import type { Clock } from "@fairlead/core";

export interface FailurePenalty {
  /** `true` while any endpoint is held back or on trial. */
  readonly active: boolean;
  failed(slot: number): void;
  /** Whether the slot should get nothing unless everyone is held back. */
  heldBack(slot: number, inFlight: number): boolean;
  /** Calls `changed` for every slot whose time is over. Cheap while none is. */
  expire(changed: (slot: number) => void): void;
  /** After a success, or when the slot stands for another endpoint. */
  forget(slot: number): void;
}

/** Creates penalties of `baseMs` × 2^(failures in a row − 1), at most `maxMs`. */
export function createFailurePenalty(clock: Clock, baseMs: number, maxMs: number): FailurePenalty {
  const untilMs = new Map<number, number>();
  const streak = new Map<number, number>();
  let nextExpiryMs = Number.POSITIVE_INFINITY;

  const penalty = {
    active: false,
    failed(slot: number): void {
      const failures = (streak.get(slot) ?? 0) + 1;
      streak.set(slot, failures);
      const until = clock.now() + Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 30));
      untilMs.set(slot, until);
      nextExpiryMs = Math.min(nextExpiryMs, until);
      penalty.active = true;
    },
    forget,
    heldBack: (slot: number, inFlight: number): boolean =>
      streak.has(slot) && (untilMs.has(slot) || inFlight > 0),
    expire(changed: (slot: number) => void): void {
      if (nextExpiryMs === Number.POSITIVE_INFINITY) return;
      const now = clock.now();
      if (now < nextExpiryMs) return;
      nextExpiryMs = Number.POSITIVE_INFINITY;
      for (const [slot, until] of untilMs) {
        if (until > now) nextExpiryMs = Math.min(nextExpiryMs, until);
        else {
          untilMs.delete(slot);
          changed(slot);
        }
      }
    },
  };
  return penalty;

  function forget(slot: number): void {
    untilMs.delete(slot);
    streak.delete(slot);
    penalty.active = streak.size > 0;
  }
}
