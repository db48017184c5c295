// Keeps a server that fails fast from attracting traffic: it always has the fewest leases in flight, so that an
// unprotected least-connections sends it most of the requests. After a failure an endpoint is held back for a
// time that doubles with each further one; then a single request at a time tries it until one succeeds.
import type { Clock } from "@fairlead/core";

export interface FailurePenalty {
  /** `true` while any endpoint is held back or on trial. */
  readonly active: boolean;
  /** @returns `true` when the slot's standing changed */
  failed(slot: number): boolean;
  /** @returns `true` when the slot's standing changed */
  succeeded(slot: number): boolean;
  /** Whether the slot should get nothing unless everyone is held back. */
  heldBack(slot: number, inFlight: number): boolean;
  /** Calls `changed` for every slot whose time is over. Cheap while none is. */
  expire(changed: (slot: number) => void): void;
  forget(slot: number): void;
}

/** Creates penalties of `baseMs` × 2^(failures in a row − 1), at most `maxMs`. */
export function createFailurePenalty(clock: Clock, baseMs: number, maxMs: number): FailurePenalty {
  const untilMs = new Map<number, number>();
  const streak = new Map<number, number>();
  let nextExpiryMs = Number.POSITIVE_INFINITY;

  return {
    get active() {
      return streak.size > 0;
    },
    failed(slot) {
      const failures = (streak.get(slot) ?? 0) + 1;
      streak.set(slot, failures);
      const until = clock.now() + Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 30));
      untilMs.set(slot, until);
      nextExpiryMs = Math.min(nextExpiryMs, until);
      return true;
    },
    succeeded(slot) {
      if (streak.size === 0) return false;
      untilMs.delete(slot);
      return streak.delete(slot);
    },
    heldBack: (slot, inFlight) => streak.size > 0 && streak.has(slot) && (untilMs.has(slot) || inFlight > 0),
    expire(changed) {
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
    forget(slot) {
      untilMs.delete(slot);
      streak.delete(slot);
    },
  };
}
