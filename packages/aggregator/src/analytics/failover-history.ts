// When calls had to go to another upstream, and why: for people, so bounded and short. One crash moves hundreds of calls at
// once; they make one entry.
import type { Clock } from "@fairlead/core";

/** Calls that left one upstream for others. */
export interface FailoverEntry {
  /** ISO 8601, of the first of the calls. */
  readonly at: string;
  /** `automatic`: calls failed on it; `forced`: an operator took it out. */
  readonly kind: "automatic" | "forced";
  readonly pool: string;
  readonly from: string;
  /** Where the last of the calls went; null when no call had to move. */
  readonly to: string | null;
  readonly reason: string;
  /** How many calls, for the same reason, within a second of each other. */
  readonly calls: number;
}

export interface FailoverHistory {
  /** Newest first, at most 200. */
  readonly entries: readonly FailoverEntry[];
  /** Notes one call; true when it made an entry of its own. */
  moved(pool: string, from: string, to: string, reason: string): boolean;
  /** Notes that an operator took an upstream out; its calls may have been noted before. */
  forced(pool: string, from: string, reason: string): void;
  /** Calls that left an upstream, and are remembered, since a time of the clock. */
  callsFrom(pool: string, upstream: string, sinceMs: number): number;
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
    moved(pool, from, to, reason) {
      const same = lately(pool, from, reason);
      if (same === undefined) {
        push({ kind: "automatic", pool, from, to, reason, calls: 1 });
        return true;
      }
      same.entry = { ...same.entry, to, calls: same.entry.calls + 1 };
      same.lastAtMs = clock.now();
      return false;
    },
    forced(pool, from, reason) {
      const same = lately(pool, from, reason);
      if (same === undefined) push({ kind: "forced", pool, from, to: null, reason, calls: 0 });
      else same.entry = { ...same.entry, kind: "forced" };
    },
    callsFrom(pool, upstream, sinceMs) {
      return noted
        .filter(
          ({ entry, lastAtMs }) => lastAtMs >= sinceMs && entry.pool === pool && entry.from === upstream,
        )
        .reduce((sum, { entry }) => sum + entry.calls, 0);
    },
  };

  function lately(pool: string, from: string, reason: string): Noted | undefined {
    const since = clock.now() - SAME_WITHIN_MS;
    return noted.findLast(
      ({ entry, lastAtMs }) =>
        lastAtMs >= since && entry.pool === pool && entry.from === from && entry.reason === reason,
    );
  }

  function push(entry: Omit<FailoverEntry, "at">): void {
    if (noted.length === MAX_ENTRIES) noted.shift();
    noted.push({ entry: { at: new Date().toISOString(), ...entry }, lastAtMs: clock.now() });
  }
}
