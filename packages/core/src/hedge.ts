// A second attempt when the first takes longer than most, and the first answer wins (Dean & Barroso, "The Tail at Scale",
// CACM 2013). Only for operations that may run twice; it helps where the slowness is the target's, not the request's.
import type { CallContext, Operation, Policy } from "./call-context.ts";
import { type Clock, systemClock } from "./clock.ts";
import { HedgeLostError, withoutStack } from "./errors.ts";
import {
  createLatencyQuantile,
  type LatencyQuantile,
  type LatencyQuantileOptions,
} from "./latency-quantile.ts";
import { type LinkedContext, linkContext } from "./linked-context.ts";
import type { RetryBudget } from "./retry-budget.ts";
import { createTimerWheel, sharedTimerWheel, type TimerHandle, type TimerWheel } from "./timer-wheel.ts";
import { integerBetween, numberBetween } from "./validate.ts";

/** See {@link createHedge}. */
export interface HedgeOptions {
  /**
   * How long to wait for an answer before another attempt is started, in milliseconds, from 0; or the quantile of recent
   * durations that it follows. @defaultValue the 95th percentile
   */
  readonly delayMs?: number | LatencyQuantileOptions;
  /** The delay before enough durations are known, in milliseconds. @defaultValue Infinity: no hedging until then */
  readonly initialDelayMs?: number;
  /** A followed delay is never shorter, in milliseconds. @defaultValue 1 */
  readonly minDelayMs?: number;
  /** Further attempts per call, from 1. @defaultValue 1 */
  readonly maxHedges?: number;
  /**
   * Pays for every further attempt; best the one that retries use too. Without any, a slow target is sent twice the traffic:
   * leave it out only for tests. @defaultValue none
   */
  readonly budget?: RetryBudget;
  /** Whether this call may run twice. @defaultValue always */
  readonly shouldHedge?: (context: CallContext) => boolean;
  /** Told the number of a further attempt when it has started. */
  readonly onHedge?: (attempt: number) => void;
  /** @defaultValue systemClock */
  readonly clock?: Clock;
  /** @defaultValue `sharedTimerWheel`, or one of its own when a clock is given */
  readonly wheel?: TimerWheel;
}

/** Starts further attempts of slow calls. */
export interface Hedge {
  readonly budget: RetryBudget | undefined;
  /** The delay now, in milliseconds. */
  delayMs(): number;
  readonly policy: Policy;
}

/**
 * A hedge; one per target, since it learns the target's durations.
 *
 * @throws RangeError when an option is out of range.
 */
export function createHedge(options: HedgeOptions = {}): Hedge {
  const {
    delayMs: delay = {},
    initialDelayMs = Infinity,
    minDelayMs = 1,
    maxHedges = 1,
    budget,
    shouldHedge = () => true,
    onHedge,
    clock = systemClock,
    wheel = clock === systemClock ? sharedTimerWheel : createTimerWheel({ clock }),
  } = options;
  if (typeof delay === "number") numberBetween("delayMs", delay, 0, Infinity);
  numberBetween("initialDelayMs", initialDelayMs, 0, Infinity);
  numberBetween("minDelayMs", minDelayMs, 0, Number.MAX_VALUE);
  integerBetween("maxHedges", maxHedges, 1, 10);
  const durations: LatencyQuantile | undefined =
    typeof delay === "number" ? undefined : createLatencyQuantile({ clock, ...delay });

  return {
    budget,
    delayMs,
    policy: async (context, next) => {
      budget?.deposit();
      const waitMs = delayMs();
      // Durations are needed to learn the delay, even where this call is not hedged.
      const hedges = waitMs !== Infinity && shouldHedge(context) ? maxHedges : 0;
      return race(context, next, waitMs, hedges);
    },
  };

  function delayMs(): number {
    if (typeof delay === "number") return delay;
    const usual = durations?.value();
    return usual === undefined ? initialDelayMs : Math.max(minDelayMs, usual);
  }

  function race<T>(context: CallContext, next: Operation<T>, waitMs: number, hedges: number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const running = new Set<LinkedContext>();
      let left = hedges;
      let timer: TimerHandle | undefined;
      let settled = false;
      start(context.attempt);

      function start(attempt: number): void {
        const branch = linkContext(context, { attempt });
        running.add(branch);
        const startedAt = durations === undefined ? 0 : clock.now();
        if (left > 0) timer = wheel.schedule(waitMs, startAnother, attempt + 1);
        run(next, branch).then(
          (value) => {
            running.delete(branch);
            branch.unlink();
            if (settled) return;
            durations?.record(clock.now() - startedAt);
            settle();
            resolve(value);
          },
          (error: unknown) => {
            running.delete(branch);
            branch.unlink();
            // While another attempt is out, its answer counts.
            if (settled || running.size > 0) return;
            settle();
            reject(error);
          },
        );
      }

      function startAnother(attempt: number): void {
        timer = undefined;
        if (settled || (budget !== undefined && !budget.tryWithdraw())) return;
        left -= 1;
        try {
          start(attempt);
          onHedge?.(attempt);
        } catch (error) {
          settle();
          reject(error);
        }
      }

      function settle(): void {
        settled = true;
        if (timer !== undefined) wheel.cancel(timer);
        if (running.size === 0) return;
        const lost = withoutStack(() => new HedgeLostError());
        for (const loser of running) loser.abort(lost);
      }
    });
  }
}

async function run<T>(next: Operation<T>, context: CallContext): Promise<T> {
  return next(context);
}
