// Polling for what another process does: the one thing in a test that no fake clock can drive.
import { setTimeout as sleep } from "node:timers/promises";

export interface WaitOptions {
  /** @defaultValue 10000 */
  readonly timeoutMs?: number;
  /** What is waited for, as the end of "timed out waiting for …". */
  readonly what: string;
  /** Pause between two looks. @defaultValue 20 */
  readonly intervalMs?: number;
}

/** Polls until `condition` returns something truthy and resolves to it; the error names what was last seen. */
export async function waitUntil<T>(
  condition: () => T | Promise<T>,
  { timeoutMs = 10_000, what, intervalMs = 20 }: WaitOptions,
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  do {
    try {
      const value = await condition();
      if (value) return value as Exclude<T, undefined | null | false>;
      last = value;
    } catch (error) {
      last = error;
    }
    await sleep(intervalMs);
  } while (performance.now() < deadline);
  throw new Error(`timed out after ${timeoutMs} ms waiting for ${what}; last seen: ${String(last)}`, {
    cause: last,
  });
}
