// Counts bytes against a rate. Unlike a limiter it lets a debt grow: how long an answer is, is only known once it is there.
import type { Clock } from "@fairlead/core";

export interface ByteMeter {
  /** Milliseconds until something may pass again; 0 now. */
  retryAfterMs(): number;
  add(bytes: number): void;
}

/** A meter for `perMinute` bytes, which also may come at once; 0 never refuses. */
export function createByteMeter(perMinute: number, clock: Clock): ByteMeter {
  const perMs = perMinute / 60_000;
  let level = 0;
  let at = clock.now();

  return {
    retryAfterMs() {
      if (perMinute === 0) return 0;
      drain();
      return level < perMinute ? 0 : Math.ceil((level - perMinute + 1) / perMs);
    },
    add(bytes) {
      if (perMinute === 0) return;
      drain();
      level += bytes;
    },
  };

  function drain(): void {
    const now = clock.now();
    level = Math.max(0, level - (now - at) * perMs);
    at = now;
  }
}
