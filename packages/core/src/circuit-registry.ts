// One breaker for each of many keys (an endpoint, an endpoint's tool), in bounded memory. Two generations of keys instead of a
// list in order of use: finding a breaker is one look-up, and what was not asked for during a whole generation is forgotten.
import { type CircuitBreaker, createNamedBreaker } from "./circuit-breaker.ts";
import type { CircuitBreakerOptions } from "./circuit-settings.ts";
import { systemClock } from "./clock.ts";
import { createTimerWheel, sharedTimerWheel, type TimerWheel } from "./timer-wheel.ts";
import { integerBetween, positiveMs } from "./validate.ts";

/** The options of every breaker; a breaker's name is its key. */
export interface CircuitRegistryOptions extends Omit<CircuitBreakerOptions, "name"> {
  /** Breakers that are kept, from 2. @defaultValue 10_000 */
  readonly maxKeys?: number;
  /** A closed breaker that is not asked for is forgotten after this long, at most twice it, in milliseconds. @defaultValue 600_000 */
  readonly idleMs?: number;
  /** Runs the eviction. @defaultValue `sharedTimerWheel`, or one of its own when a clock is given */
  readonly wheel?: TimerWheel;
}

/** Breakers by key. */
export interface CircuitRegistry {
  /** The key's breaker; a new one, closed, for a key that is not known. Ask for it each time instead of keeping it. */
  get(key: string): CircuitBreaker;
  /** The keys and breakers that are kept. */
  entries(): IterableIterator<[string, CircuitBreaker]>;
  readonly size: number;
}

/**
 * A registry that knows no key yet.
 *
 * @throws RangeError when an option is out of range.
 */
export function createCircuitRegistry({
  maxKeys = 10_000,
  idleMs = 600_000,
  wheel: wheelOption,
  ...options
}: CircuitRegistryOptions = {}): CircuitRegistry {
  integerBetween("maxKeys", maxKeys, 2, 1e7);
  positiveMs("idleMs", idleMs);
  const { clock = systemClock } = options;
  const wheel = wheelOption ?? (clock === systemClock ? sharedTimerWheel : createTimerWheel({ clock }));
  const half = Math.floor(maxKeys / 2);
  let young = new Map<string, CircuitBreaker>();
  let old = new Map<string, CircuitBreaker>();
  let ageing = false;
  // Wrong options are told here, not at the first call.
  createNamedBreaker(options, undefined);

  return {
    get(key) {
      const known = young.get(key);
      if (known !== undefined) return known;
      const breaker = old.get(key) ?? createNamedBreaker(options, key);
      old.delete(key);
      if (young.size >= half) age();
      young.set(key, breaker);
      if (!ageing) {
        ageing = true;
        wheel.schedule(idleMs, ageByTime);
      }
      return breaker;
    },
    *entries() {
      yield* old;
      yield* young;
    },
    get size() {
      return young.size + old.size;
    },
  };

  /**
   * The old generation goes, but for breakers that are not closed: what they know still protects somebody. Where they leave
   * too little room for the young generation, closed ones of that go as well.
   */
  function age(): void {
    const next = new Map([...old].filter(([, breaker]) => breaker.state.status !== "closed"));
    let excess = next.size + young.size - half;
    for (const [key, breaker] of young) {
      if (excess > 0 && breaker.state.status === "closed") excess -= 1;
      else if (next.size < half) next.set(key, breaker);
    }
    old = next;
    young = new Map();
  }

  function ageByTime(): void {
    age();
    ageing = young.size + old.size > 0;
    if (ageing) wheel.schedule(idleMs, ageByTime);
  }
}
