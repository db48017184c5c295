// Language models take seconds to load and share a host's memory, so a request goes where its model is: first to a free
// slot there, then by prefix (the host's cache of the prompt, bounded as in Mirrokni et al., "Consistent Hashing
// with Bounded Loads", 2016), and to a host without the model only when waiting costs more than a swap.
import {
  type Candidates,
  type LeaseOutcome,
  type PickRequest,
  STRATEGY_API,
  type Strategy,
  type StrategyHost,
} from "@fairlead/balancer";
import { hashOf, mix } from "./hash.ts";

export interface ModelAffinityOptions {
  /** Requests that a host answers at a time, where it has no `maxConcurrency`, 1–1,000. @defaultValue 4 */
  readonly parallel?: number;
  /** What it costs to have a model loaded, in rounds of requests that could be waited for instead, 0–1,000. @defaultValue 8 */
  readonly swapCost?: number;
  /** How far above the mean a host may be loaded for the sake of a prefix, 1–100. @defaultValue 1.25 */
  readonly prefixBound?: number;
}

/**
 * To the host that has the request's model. The model is the request's `taskClass`; which host has it says the endpoint's
 * capability that the request `prefers`, and otherwise the last model that was sent there. The request's `key` is its prefix.
 *
 * @throws RangeError when an option is out of range.
 */
export function modelAffinity(options: ModelAffinityOptions | undefined, host: StrategyHost): Strategy {
  const { parallel, swapCost, prefixBound } = checked(options);
  const { table, clock } = host;
  // Per slot: the class sent there last, the hash of its id, failures in a row and when the last was.
  let slots = 8;
  let resident = new Int32Array(slots);
  let identity = new Uint32Array(slots);
  let failures = new Int32Array(slots);
  let failedAt = new Float64Array(slots);
  let failing = 0;

  return {
    name: "model-affinity",
    api: STRATEGY_API,
    needs: ["key", "task-class"],
    pick(candidates, request): number {
      const now = failing > 0 ? clock.now() : 0;
      const bound = boundOf(candidates);
      let best = candidates.slots[0] as number;
      let bestCost = costOf(best, request, now);
      for (let index = 1; index < candidates.count; index += 1) {
        const slot = candidates.slots[index] as number;
        const cost = costOf(slot, request, now);
        if (cost < bestCost || (cost === bestCost && goesBefore(slot, best, request.keyHash, bound))) {
          best = slot;
          bestCost = cost;
        }
      }
      return best;
    },
    onStart({ slot, taskClass }): void {
      reserve(slot);
      // From here on the host loads it, so that the next request for it goes there too and not to a second load.
      if (taskClass !== 0) resident[slot] = taskClass;
    },
    onEnd({ slot }, outcome): void {
      reserve(slot);
      if (speaksAgainst(outcome)) {
        if (failures[slot] === 0) failing += 1;
        failures[slot] = (failures[slot] as number) + 1;
        failedAt[slot] = clock.now();
        // A host that fails has lost the model for all that is known; being fast at failing must not attract.
        resident[slot] = 0;
      } else if (speaksFor(outcome)) forgive(slot);
    },
    onEndpoint(slot, change): void {
      reserve(slot);
      if (change !== "reset") return;
      resident[slot] = 0;
      identity[slot] = hashOf(table.id(slot));
      forgive(slot);
    },
    explain(candidates, request, score): void {
      const now = failing > 0 ? clock.now() : 0;
      for (let index = 0; index < candidates.count; index += 1) {
        const slot = candidates.slots[index] as number;
        score(slot, costOf(slot, request, now));
      }
    },
  };

  /** Rounds until the request is answered, the swap reckoned in rounds as well. */
  function costOf(slot: number, request: PickRequest, now: number): number {
    const inFlight = table.inFlight[slot] as number;
    const places = (table.maxConcurrency[slot] as number) || parallel;
    const waiting = Math.max(0, inFlight + 1 - places) / places;
    const swap = has(slot, request) ? 0 : swapCost * disturbance(slot, request, inFlight);
    return (waiting + swap + penalty(slot, now)) / (table.weight[slot] as number);
  }

  function has(slot: number, { prefers, taskClass }: PickRequest): boolean {
    if (taskClass !== 0 && resident[slot] === taskClass) return true;
    if (prefers.length === 0) return taskClass === 0;
    const capabilities = table.capabilities(slot);
    for (const name of prefers) if (!capabilities.has(name)) return false;
    return true;
  }

  /** A host with nothing loaded is the one to load at; unloading a model that is at work cuts its answers off. */
  function disturbance(slot: number, { prefers }: PickRequest, inFlight: number): number {
    if (inFlight > 0) return 2;
    const occupied = resident[slot] !== 0 || (prefers.length > 0 && table.capabilities(slot).size > 0);
    return occupied ? 1.5 : 1;
  }

  /** Grows with failures in a row, and halves every second, so that a host that has recovered is found. */
  function penalty(slot: number, now: number): number {
    const count = failures[slot] as number;
    if (count === 0) return 0;
    return Math.min(count, 4) * (1 + swapCost) * 2 ** (((failedAt[slot] as number) - now) / 1_000);
  }

  /** Among equals: where the prefix was before, unless that host has more than its share; else the fewest in flight. */
  function goesBefore(slot: number, other: number, keyHash: number, bound: number): boolean {
    const mine = table.inFlight[slot] as number;
    const others = table.inFlight[other] as number;
    if (keyHash !== 0) {
      const fits = mine < bound;
      if (fits !== others < bound) return fits;
      if (fits) return mix(keyHash ^ (identity[slot] as number)) > mix(keyHash ^ (identity[other] as number));
    }
    return mine < others;
  }

  function boundOf({ slots: candidates, count }: Candidates): number {
    let total = 1;
    for (let index = 0; index < count; index += 1)
      total += table.inFlight[candidates[index] as number] as number;
    return Math.ceil((prefixBound * total) / count);
  }

  function forgive(slot: number): void {
    if ((failures[slot] as number) > 0) failing -= 1;
    failures[slot] = 0;
  }

  function reserve(slot: number): void {
    if (slot < slots) return;
    slots = Math.max(slot + 1, 2 * slots);
    resident = grown(resident, new Int32Array(slots));
    identity = grown(identity, new Uint32Array(slots));
    failures = grown(failures, new Int32Array(slots));
    failedAt = grown(failedAt, new Float64Array(slots));
  }
}

type Numbers = Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

function grown<T extends Numbers>(from: T, to: T): T {
  to.set(from);
  return to;
}

function speaksAgainst(outcome: LeaseOutcome): boolean {
  return outcome === "transport-error" || outcome === "overload" || outcome === "timeout";
}

function speaksFor(outcome: LeaseOutcome): boolean {
  return outcome === "success" || outcome === "app-error";
}

function checked(options: ModelAffinityOptions | undefined): Required<ModelAffinityOptions> {
  const given: unknown = options ?? {};
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new RangeError(`options of model-affinity must be an object, got ${JSON.stringify(given)}`);
  const complete = { parallel: 4, swapCost: 8, prefixBound: 1.25 };
  const known = Object.keys(complete);
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new RangeError(`options of model-affinity are ${known.join(", ")}, got ${unknown}`);
  Object.assign(complete, given);
  inRange("parallel", complete.parallel, 1, 1_000);
  inRange("swapCost", complete.swapCost, 0, 1_000);
  inRange("prefixBound", complete.prefixBound, 1, 100);
  return complete;
}

function inRange(option: string, value: unknown, minimum: number, maximum: number): void {
  if (typeof value !== "number" || !(value >= minimum && value <= maximum))
    throw new RangeError(`${option} must be from ${minimum} to ${maximum}, got ${String(value)}`);
}
