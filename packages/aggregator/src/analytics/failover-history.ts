// When calls had to go to another upstream, and why: for people, so bounded and short. One crash moves hundreds of calls at
// once; they make one entry.
import type { Clock } from "@fairlead/core";

/** Calls that left one upstream for another. */
export interface FailoverEntry {
  /** ISO 8601, of the first of the calls. */
  readonly at: string;
  readonly pool: string;
  readonly from: string;
  /** Where the first of the calls went. */
  readonly to: string;
  readonly reason: string;
  /** How many calls, for the same reason, within a second of each other. */
  readonly calls: number;
}

export interface FailoverHistory {
  /** Newest first. */
  readonly entries: readonly FailoverEntry[];
  /** Notes one call; true when it made an entry of its own. */
  add(failover: Pick<FailoverEntry, "pool" | "from" | "to" | "reason">): boolean;
  /** Failovers away from an upstream in the last minutes that are remembered, in calls. */
  countFrom(pool: string, upstream: string, sinceMs: number): number;
}

const MAX_ENTRIES = 200;
const SAME_WITHIN_MS = 1_000;

interface Noted {
  entry: FailoverEntry;
  lastAtMs: number;
}

export function createFailoverHistory(clock: Clock): FailoverHistory {
  /** Oldest first. */
  const noted: Noted[] = [];
  return {
    get entries() {
      return noted.map(({ entry }) => entry).reverse();
    },
    add({ pool, from, to, reason }) {
      const now = clock.now();
      const same = noted.findLast(
        ({ entry, lastAtMs }) =>
          now - lastAtMs < SAME_WITHIN_MS &&
          entry.pool === pool &&
          entry.from === from &&
          entry.reason === reason,
      );
      if (same !== undefined) {
        same.entry = { ...same.entry, calls: same.entry.calls + 1 };
        same.lastAtMs = now;
        return false;
      }
      if (noted.length === MAX_ENTRIES) noted.shift();
      const entry = { at: new Date().toISOString(), pool, from, to, reason, calls: 1 };
      noted.push({ entry, lastAtMs: now });
      return true;
    },
    countFrom(pool, upstream, sinceMs) {
      return noted
        .filter(
          ({ entry, lastAtMs }) => lastAtMs >= sinceMs && entry.pool === pool && entry.from === upstream,
        )
        .reduce((sum, { entry }) => sum + entry.calls, 0);
    },
  };
}
