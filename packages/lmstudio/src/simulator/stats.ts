// How fast an answer came, as two of the endpoints report it.
import type { Clock } from "@fairlead/core";

export interface Speed {
  /** A token has come. */
  token(): void;
  read(): {
    readonly tokensPerSecond: number;
    readonly firstTokenSeconds: number;
    readonly generationSeconds: number;
  };
}

export function speedOf(clock: Clock): Speed {
  const startedAt = clock.now();
  let firstAt: number | undefined;
  let tokens = 0;
  return {
    token() {
      firstAt ??= clock.now();
      tokens += 1;
    },
    read() {
      const now = clock.now();
      const generationSeconds = (now - (firstAt ?? now)) / 1_000;
      return {
        tokensPerSecond: generationSeconds > 0 ? tokens / generationSeconds : 0,
        firstTokenSeconds: ((firstAt ?? now) - startedAt) / 1_000,
        generationSeconds,
      };
    },
  };
}
