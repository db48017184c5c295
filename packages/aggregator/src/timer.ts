// A callback later, on a clock that is passed in.
import { type Clock, systemClock } from "@fairlead/core";

/** Runs `callback` once after `ms` milliseconds, without keeping the process alive. Returns how to cancel it. */
export function setTimerOn(clock: Clock, callback: () => void, ms: number): () => void {
  const setTimer = clock.setTimer ?? systemClock.setTimer;
  return setTimer?.(callback, ms) ?? (() => {});
}
