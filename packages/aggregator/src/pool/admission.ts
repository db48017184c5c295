// Calls that wait for an upstream: not too many, none for too long, the urgent ones first, then those of callers that have
// had no more than their share, callers in turn, and nobody starves. While nothing waits it costs nothing.
import { type Clock, createFairQueue, type FairQueue, type Queued, type TimerWheel } from "@fairlead/core";
import { createShares } from "./shares.ts";

/** A call that waits. */
export interface Waiting extends Queued<number> {
  queuedAt: number;
  /** Which upstreams could serve it, as far as was known when it began to wait. */
  group: string;
  /** Whether it has waited and is now under way; set here. */
  isGranted: boolean;
  /** An upstream may have become free; true when it waits no longer, and has been taken out by {@link Admission.leave}. */
  wake(): boolean;
  /** Its place is needed by a more urgent call, or by a caller with fewer that wait. */
  displace(): void;
}

export interface AdmissionOptions {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  /** Calls that may wait at a time. */
  readonly maxQueue: () => number;
  readonly queueTimeoutMs: () => number;
  /** After waiting this long a call counts as one priority higher, in milliseconds. */
  readonly ageingMs: () => number;
}

export interface Admission {
  /** Calls that wait. */
  readonly size: number;
  /** How long the one that came first has waited, in milliseconds; 0 when none waits. */
  readonly oldestMs: number;
  /**
   * Lets a call wait; false when there is no place for it. `group` names the upstreams that could serve it: calls with
   * different ones do not hold each other up.
   */
  enter(call: Waiting, group: string): boolean;
  leave(call: Waiting): void;
  /** A call has ended, whether or not it has waited. */
  ended(call: Waiting): void;
  /** Upstreams may have become free. */
  pump(): void;
  /** When it is worth trying again, at the pace of late, in milliseconds. */
  retryAfterMs(): number;
}

/** From 0 to 9, the highest is served first. */
const PRIORITIES: readonly number[] = [9, 8, 7, 6, 5, 4, 3, 2, 1, 0];
/** Breakers and ejections end without a sign; while calls wait, somebody looks. */
const POLL_MS = 50;
const DEFAULT_RETRY_MS = 1_000;
const MIN_RETRY_MS = 100;
const MAX_RETRY_MS = 30_000;
const SMOOTHING = 0.05;
/** An upstream that was away for a while says nothing about the pace: an interval counts for at most so many usual ones. */
const MAX_INTERVAL_RATIO = 10;
const MAX_FIRST_INTERVAL_MS = 50;
/** Share of the longest wait that the queue is filled up to: the pace is only an estimate. */
const FILL_RATIO = 0.7;
const MIN_PLACES = 4;
/** Up to this share of the places nobody asks who has them. */
const UNCOUNTED_RATIO = 0.5;

export function createAdmission(options: AdmissionOptions): Admission {
  const { clock, wheel, maxQueue, queueTimeoutMs } = options;
  const groups = new Map<string, FairQueue<number, Waiting>>();
  /** In the order of arrival. */
  const arrivals = new Set<Waiting>();
  const shares = createShares(clock);
  /** The call whose turn it is; it uses up its caller's turn. */
  let served: Waiting | undefined;
  let servedAt = 0;
  let pumping = false;
  let polling = false;
  let grantedAt = 0;
  let grantEveryMs = 0;

  return {
    get size() {
      return arrivals.size;
    },
    get oldestMs() {
      const { value: oldest } = arrivals.values().next();
      return oldest === undefined ? 0 : clock.now() - oldest.queuedAt;
    },
    enter(call, group) {
      const now = clock.now();
      if (call.isGranted) ended(call);
      const mustPump = arrivals.size > 0;
      call.group = group;
      if (hasShare(call) || (arrivals.size >= places() && !makeRoomFor(call))) return false;
      call.queuedAt = now;
      arrivals.add(call);
      queueOf(group).push(call);
      poll();
      // It may be one that can be served although others wait.
      if (mustPump) queueMicrotask(pump);
      return true;
    },
    leave,
    ended,
    pump,
    retryAfterMs() {
      if (grantEveryMs === 0) return DEFAULT_RETRY_MS;
      return Math.ceil(Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, grantEveryMs * (arrivals.size + 1))));
    },
  };

  /** Whoever would wait in vain at the pace of late is told so at once, and not after the wait. */
  function places(): number {
    if (grantEveryMs === 0) return maxQueue();
    const served = Math.floor((queueTimeoutMs() * FILL_RATIO) / grantEveryMs);
    return Math.min(maxQueue(), Math.max(served, MIN_PLACES));
  }

  /**
   * Whether the caller has as many places already as there are for each that waits: a further call would only be displaced
   * later. While there are places enough, nobody counts.
   */
  function hasShare({ key, priority, group }: Waiting): boolean {
    const limit = places();
    const queue = groups.get(group);
    if (queue === undefined || arrivals.size < limit * UNCOUNTED_RATIO) return false;
    const own = queue.countOf(key, priority);
    return own > 0 && (own + 1) * queue.keysOf(priority) > limit;
  }

  function queueOf(group: string): FairQueue<number, Waiting> {
    let queue = groups.get(group);
    if (queue === undefined) {
      queue = createFairQueue<number, Waiting>({
        classes: PRIORITIES,
        ageingMs: options.ageingMs(),
        weightOf: () => 1,
        excessOf: shares.excessOf,
      });
      groups.set(group, queue);
    }
    return queue;
  }

  function leave(call: Waiting): void {
    const queue = groups.get(call.group);
    if (queue === undefined || !arrivals.delete(call)) return;
    if (call === served) {
      queue.serve(call);
      if (grantedAt !== 0) {
        const longestMs = Math.max(grantEveryMs * MAX_INTERVAL_RATIO, MAX_FIRST_INTERVAL_MS);
        grantEveryMs += (Math.min(servedAt - grantedAt, longestMs) - grantEveryMs) * SMOOTHING;
      }
      grantedAt = servedAt;
      call.isGranted = true;
      shares.granted(call.key);
    } else queue.remove(call);
    if (queue.size === 0) groups.delete(call.group);
    if (arrivals.size === 0) grantedAt = 0;
  }

  function ended(call: Waiting): void {
    if (!call.isGranted) return;
    call.isGranted = false;
    shares.ended(call.key);
  }

  function makeRoomFor({ group, key, priority }: Waiting): boolean {
    const own = groups.get(group);
    for (const queue of own === undefined ? groups.values() : [own, ...groups.values()]) {
      const displaced = queue.pushOut(key, priority);
      if (displaced === undefined) continue;
      if (queue.size === 0) groups.delete(displaced.group);
      arrivals.delete(displaced);
      displaced.displace();
      return true;
    }
    return false;
  }

  function pump(): void {
    if (pumping || arrivals.size === 0) return;
    pumping = true;
    const blocked = new Set<string>();
    try {
      for (;;) {
        served = next(blocked);
        if (served === undefined) return;
        if (!served.wake()) blocked.add(served.group);
      }
    } finally {
      served = undefined;
      pumping = false;
    }
  }

  /** The first in the queue whose group is not known to wait in vain. */
  function next(blocked: ReadonlySet<string>): Waiting | undefined {
    const now = clock.now();
    servedAt = now;
    let best: Waiting | undefined;
    let bestRank = Number.NEGATIVE_INFINITY;
    for (const [group, queue] of groups) {
      if (blocked.has(group)) continue;
      const call = queue.peek(now, newestBefore(now));
      if (call === undefined) continue;
      const rank = call.priority + Math.floor((now - call.queuedAt) / options.ageingMs());
      if (best !== undefined && (rank < bestRank || (rank === bestRank && call.queuedAt >= best.queuedAt)))
        continue;
      best = call;
      bestRank = rank;
    }
    return best;
  }

  /**
   * A caller that has had calls waiting for longer than one may wait is beyond what it can get: then its newest go first,
   * which still have somebody who wants the answer (Maurer, "Fail at Scale", ACM Queue 2015). Others keep their order, and
   * all do while the whole queue can be served in time.
   */
  function newestBefore(now: number): number {
    const longestMs = queueTimeoutMs();
    const isInTime = grantEveryMs > 0 && grantEveryMs * arrivals.size <= longestMs;
    return isInTime ? Number.NEGATIVE_INFINITY : now - longestMs;
  }

  function poll(): void {
    if (polling) return;
    polling = true;
    wheel.schedule(POLL_MS, () => {
      polling = false;
      shares.refresh();
      if (arrivals.size === 0) return;
      pump();
      poll();
    });
  }
}
