// Bounds how many servers start at a time: forty processes that start together start slower than four by four.

export interface StartLimiter {
  /** Waits for a turn; the function returned gives it back. @throws the signal's reason */
  enter(signal: AbortSignal): Promise<() => void>;
}

export function createStartLimiter(limit: number): StartLimiter {
  const waiting: (() => void)[] = [];
  let active = 0;

  return {
    async enter(signal) {
      signal.throwIfAborted();
      if (active < limit) active++;
      else await turn(signal);
      let left = false;
      return () => {
        if (left) return;
        left = true;
        const next = waiting.shift();
        if (next === undefined) active--;
        else next();
      };
    },
  };

  function turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        const at = waiting.indexOf(enter);
        if (at !== -1) waiting.splice(at, 1);
        reject(signal.reason as Error);
      };
      waiting.push(enter);
      signal.addEventListener("abort", leave, { once: true });
    });
  }
}
