// Hands values from callbacks to one loop that waits for them: nothing is lost between two waits.
import type { Clock } from "@fairlead/core";

export interface Mailbox<T> {
  put(value: T): void;
  /** The next value, or undefined when none came within `timeoutMs` (Infinity waits for ever). */
  take(timeoutMs: number): Promise<T | undefined>;
}

export function createMailbox<T>(clock: Clock): Mailbox<T> {
  const values: T[] = [];
  let wake: (() => void) | undefined;

  return {
    put(value) {
      values.push(value);
      wake?.();
    },
    async take(timeoutMs) {
      if (values.length > 0) return values.shift();
      const arrived = new Promise<void>((resolve) => {
        wake = resolve;
      });
      if (timeoutMs === Infinity) {
        await arrived;
      } else {
        const timer = new AbortController();
        await Promise.race([arrived, clock.sleep(timeoutMs, timer.signal).catch(() => {})]);
        timer.abort();
      }
      wake = undefined;
      return values.shift();
    },
  };
}
