// Who has had more than a fair share of a pool lately: slots of upstreams, averaged over the last second or so. Kept only of
// calls that have waited, since without waiting there is nothing to share.
import type { Clock } from "@fairlead/core";

export interface Shares {
  /** A call of the key got a slot. */
  granted(key: string): void;
  /** It gave the slot back. */
  ended(key: string): void;
  /** How many slots more than its fair share the key has had; 0 for all who had less. */
  excessOf(key: string): number;
  /** Works out the fair share anew, and forgets who has had nothing for a while. */
  refresh(): void;
}

interface Usage {
  inFlight: number;
  /** Slots on average. */
  average: number;
  at: number;
}

/** How far back it looks: an average that follows a step by two thirds in this time, in milliseconds. */
const WINDOW_MS = 1_000;
/** Less than this, in slots, is nothing. */
const NOTHING = 0.01;

export function createShares(clock: Clock): Shares {
  const usages = new Map<string, Usage>();
  let fairShare = Number.POSITIVE_INFINITY;

  return {
    granted(key) {
      let usage = usages.get(key);
      if (usage === undefined) {
        usage = { inFlight: 0, average: 0, at: clock.now() };
        usages.set(key, usage);
      } else update(usage, clock.now());
      usage.inFlight++;
    },
    ended(key) {
      const usage = usages.get(key);
      if (usage === undefined) return;
      update(usage, clock.now());
      usage.inFlight--;
    },
    excessOf(key) {
      const usage = usages.get(key);
      if (usage === undefined) return 0;
      update(usage, clock.now());
      return Math.max(0, usage.average - fairShare);
    },
    refresh() {
      const now = clock.now();
      let total = 0;
      for (const [key, usage] of usages) {
        update(usage, now);
        if (usage.inFlight === 0 && usage.average < NOTHING) usages.delete(key);
        else total += usage.average;
      }
      fairShare = usages.size === 0 ? Number.POSITIVE_INFINITY : total / usages.size;
    },
  };
}

function update(usage: Usage, now: number): void {
  const kept = Math.exp((usage.at - now) / WINDOW_MS);
  usage.average = usage.average * kept + usage.inFlight * (1 - kept);
  usage.at = now;
}
