// Whether, and how soon, a call that failed may be tried again.
import type { UpstreamFailure } from "../upstream/connection.ts";
import { type Breakage, isBroken, weightOf } from "./breakage.ts";

/** Before a call goes to upstreams again that had no room and did not say for how long, in milliseconds. */
const OVERLOAD_PAUSE_MS = 250;
/** The first pause before a call goes back to an upstream that broke under it; doubles from there, up to the longest. */
const BROKEN_PAUSE_MS = 100;
const MAX_BROKEN_PAUSE_MS = 1_000;

/** Whether it has had as many attempts as it may; one alone is what its operator allows, whatever becomes of it. */
export function isSpent(attempts: number, maxAttempts: number, breakages: readonly Breakage[]): boolean {
  if (attempts < maxAttempts) return false;
  if (maxAttempts === 1) return true;
  let spent = attempts - breakages.length;
  for (const breakage of breakages) spent += weightOf(breakage);
  return spent >= maxAttempts;
}

/** How long a call waits that only has upstreams left that have failed it, in milliseconds. */
export function pauseMs(failure: UpstreamFailure | undefined, attempts: number): number {
  if (failure !== undefined && isBroken(failure))
    return Math.min(BROKEN_PAUSE_MS * 2 ** (attempts - 1), MAX_BROKEN_PAUSE_MS);
  return failure?.retryAfterMs ?? OVERLOAD_PAUSE_MS;
}
