// Calls that a connection took along when it broke, and what that says about each of them: one whose servers all die
// may be what kills them; one of many that were there most likely is not (ADR 0037).
import type { UpstreamConnection, UpstreamFailure } from "../upstream/connection.ts";
import type { Attempt } from "./pool-call-owner.ts";

/** Attempts that broke off on one upstream at about the same time. */
export interface BrokenTogether {
  readonly since: number;
  attempts: number;
}

/** An attempt whose connection broke. */
export interface Breakage {
  readonly connection: UpstreamConnection;
  /** Undefined when the server had not seen it yet, so that it had no part in that. */
  readonly together: BrokenTogether | undefined;
}

/** Of nearly all calls. */
export const NO_BREAKAGES: readonly Breakage[] = [];

/** Connections to one server do not all notice its end in the same moment. */
const TOGETHER_MS = 1_000;

/** Whether its server may be gone, or of no use for now. */
export function isBroken({ kind }: UpstreamFailure): boolean {
  return kind === "transport" || kind === "closed";
}

/** Whether the connection broke without a word from the server about the call. */
export function isBreakage(failure: UpstreamFailure): boolean {
  return isBroken(failure) && failure.status === undefined;
}

/** Takes down an attempt whose connection has just broken. */
export function breakageOf(
  { member, connection }: Attempt,
  { executed }: UpstreamFailure,
  now: number,
): Breakage {
  if (executed === "no") return { connection, together: undefined };
  let together = member.brokenTogether;
  if (together === undefined || now - together.since > TOGETHER_MS) {
    together = { since: now, attempts: 0 };
    member.brokenTogether = together;
  }
  together.attempts++;
  return { connection, together };
}

/**
 * What it counts for among the attempts of its call: a whole one as long as the connection lives, for then the server
 * does, too. Where it has ended, the share of one of the calls that it took along, and nothing for one that it had not seen.
 */
export function weightOf({ connection, together }: Breakage): number {
  if (connection.isOpen) return 1;
  return together === undefined ? 0 : 1 / together.attempts;
}
