// Time for tests: it stands still until it is advanced.
import type { Clock } from "./clock.ts";

export interface FakeClock extends Clock {
  setTimer(callback: () => void, ms: number): () => void;
  /**
   * Moves time forward by `ms`, stopping at each due timer and sleep in order of their times, and lets everything that
   * was set off by one run (a turn of the event loop, microtasks included) before the next. Resolves when nothing is due.
   */
  advance(ms: number): Promise<void>;
  /** Timers and sleeps not yet due; 0 shows that nothing was left behind. */
  readonly pending: number;
}

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock that reads `startMs` until {@link FakeClock.advance} is called. */
export function createFakeClock(startMs = 0): FakeClock {
  const timers = new Set<Timer>();
  let now = startMs;
  let order = 0;

  return {
    now: () => now,
    setTimer,
    sleep(ms, signal) {
      if (signal?.aborted) return Promise.reject(signal.reason as unknown);
      return new Promise<void>((resolve, reject) => {
        const abort = (): void => {
          cancel();
          reject(signal?.reason as unknown);
        };
        const cancel = setTimer(() => {
          signal?.removeEventListener("abort", abort);
          resolve();
        }, ms);
        signal?.addEventListener("abort", abort, { once: true });
      });
    },
    async advance(ms) {
      const until = now + ms;
      await turn();
      for (let timer = nextDue(until); timer !== undefined; timer = nextDue(until)) {
        timers.delete(timer);
        now = Math.max(now, timer.at);
        timer.callback();
        await turn();
      }
      now = until;
    },
    get pending() {
      return timers.size;
    },
  };

  function setTimer(callback: () => void, ms: number): () => void {
    const timer: Timer = { at: now + Math.max(0, ms), order: order++, callback };
    timers.add(timer);
    return () => timers.delete(timer);
  }

  function nextDue(until: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of timers) {
      if (timer.at > until) continue;
      if (first === undefined || timer.at < first.at || (timer.at === first.at && timer.order < first.order))
        first = timer;
    }
    return first;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
