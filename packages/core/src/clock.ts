// Time as a value that is passed in: tests drive it by hand, and nothing in this package reads the wall clock.
/** What policies know of time. */
export interface Clock {
  /** Monotonic time in milliseconds; only differences mean anything. */
  now(): number;
  /**
   * Resolves after `ms` milliseconds.
   *
   * @throws the signal's reason as soon as `signal` aborts; the timer is then gone.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * Runs `callback` once, after `ms` milliseconds at the earliest, without keeping the process alive; returns how
   * to cancel. A clock that has none is given the system's timers for callbacks.
   */
  setTimer?(callback: () => void, ms: number): () => void;
}

/** `performance.now()` and Node's timers. */
export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: sleepOnSystem,
  setTimer: setSystemTimer,
};

/** The clock's own `setTimer`, or the system's. */
export function setTimerOn(clock: Clock, callback: () => void, ms: number): () => void {
  return clock.setTimer === undefined ? setSystemTimer(callback, ms) : clock.setTimer(callback, ms);
}

function setSystemTimer(callback: () => void, ms: number): () => void {
  const timer = setTimeout(callback, ms);
  timer.unref();
  return () => clearTimeout(timer);
}

/** `setTimeout` counts in 32 bits and fires at once beyond them; longer sleeps are cut into such pieces. */
const longestTimeoutMs = 2 ** 31 - 1;

function sleepOnSystem(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.reject(signal.reason as unknown);
  return new Promise<void>((resolve, reject) => {
    let remainingMs = ms;
    let timer: NodeJS.Timeout;
    const wait = (): void => {
      const pieceMs = Math.min(remainingMs, longestTimeoutMs);
      remainingMs -= pieceMs;
      timer = setTimeout(remainingMs > 0 ? wait : finish, pieceMs);
    };
    const finish = (): void => {
      signal?.removeEventListener("abort", abort);
      resolve();
    };
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as unknown);
    };
    signal?.addEventListener("abort", abort, { once: true });
    wait();
  });
}
