// Time for tests: it stands still until it is advanced.
import type { Clock } from "./clock.ts";

/** A {@link Clock} that a test moves by hand. */
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
  cancelled: boolean;
}

/** A clock that reads `startMs` until {@link FakeClock.advance} is called. */
export function createFakeClock(startMs = 0): FakeClock {
  const timers = createHeap();
  let pending = 0;
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
      for (let timer = timers.takeDue(until); timer !== undefined; timer = timers.takeDue(until)) {
        if (timer.cancelled) continue;
        timer.cancelled = true;
        pending -= 1;
        now = Math.max(now, timer.at);
        timer.callback();
        await turn();
      }
      now = until;
    },
    get pending() {
      return pending;
    },
  };

  function setTimer(callback: () => void, ms: number): () => void {
    const timer: Timer = { at: now + Math.max(0, ms), order: order++, callback, cancelled: false };
    timers.push(timer);
    pending += 1;
    return () => {
      if (timer.cancelled) return;
      timer.cancelled = true;
      pending -= 1;
    };
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A binary heap, the earliest timer first, of equal ones the one that was set first. */
function createHeap(): { push(timer: Timer): void; takeDue(until: number): Timer | undefined } {
  const heap: Timer[] = [];
  return {
    push(timer) {
      let index = heap.push(timer) - 1;
      while (index > 0) {
        const parent = (index - 1) >> 1;
        if (!swapIfEarlier(index, parent)) break;
        index = parent;
      }
    },
    takeDue(until) {
      const [first] = heap;
      if (first === undefined || first.at > until) return undefined;
      const last = heap.pop();
      if (heap.length > 0 && last !== undefined) {
        heap[0] = last;
        sink(0);
      }
      return first;
    },
  };

  function sink(from: number): void {
    let index = from;
    for (;;) {
      const left = 2 * index + 1;
      const child = isEarlier(left + 1, left) ? left + 1 : left;
      if (!swapIfEarlier(child, index)) return;
      index = child;
    }
  }

  function swapIfEarlier(child: number, parent: number): boolean {
    const [a, b] = [heap[child], heap[parent]];
    if (a === undefined || b === undefined || !isEarlier(child, parent)) return false;
    heap[child] = b;
    heap[parent] = a;
    return true;
  }

  function isEarlier(index: number, than: number): boolean {
    const [a, b] = [heap[index], heap[than]];
    if (a === undefined || b === undefined) return false;
    return a.at < b.at || (a.at === b.at && a.order < b.order);
  }
}
