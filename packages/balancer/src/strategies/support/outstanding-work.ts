// How much work each endpoint still has, in units of an average request, by the kinds of work it was given. The size
// of a kind is learned while its requests run, so that sums are kept per kind and weighed anew every round.
import type { Dispatch } from "../../contract.ts";

export interface OutstandingWork {
  readonly add: (dispatch: Dispatch) => void;
  remove(dispatch: Dispatch): void;
  forget(slot: number): void;
  outstanding(slot: number): number;
  /** Size of a kind as of the last {@link refresh}. */
  factor(taskClass: number): number;
  /** Takes over sizes as they are now known. */
  refresh(): void;
}

/** Kinds beyond this number share one. */
const CLASSES = 64;

/** Creates sums of zero; `factorOf` is the size of a kind relative to an average request. */
export function createOutstandingWork(factorOf: (taskClass: number) => number): OutstandingWork {
  const factors = new Float64Array(CLASSES).fill(1);
  // costs[slot * CLASSES + class]: sum of the costs of what is in flight.
  let costs = new Float64Array(8 * CLASSES);
  let sums = new Float64Array(8);

  return {
    add({ slot, taskClass, cost }) {
      change(slot, taskClass, cost);
    },
    remove({ slot, taskClass, cost }) {
      change(slot, taskClass, -cost);
    },
    forget(slot) {
      reserve(slot);
      costs.fill(0, slot * CLASSES, (slot + 1) * CLASSES);
      sums[slot] = 0;
    },
    outstanding: (slot) => sums[slot] ?? 0,
    factor: (taskClass) => factors[taskClass < CLASSES ? taskClass : 0] as number,
    refresh() {
      for (let taskClass = 0; taskClass < CLASSES; taskClass++) factors[taskClass] = factorOf(taskClass);
      for (let slot = 0; slot < sums.length; slot++) {
        let sum = 0;
        for (let taskClass = 0; taskClass < CLASSES; taskClass++)
          sum += (costs[slot * CLASSES + taskClass] as number) * (factors[taskClass] as number);
        sums[slot] = sum;
      }
    },
  };

  function change(slot: number, taskClass: number, cost: number): void {
    reserve(slot);
    const known = taskClass < CLASSES ? taskClass : 0;
    const at = slot * CLASSES + known;
    // Sums of floating-point numbers may end a little below zero.
    const after = Math.max(0, (costs[at] as number) + cost);
    costs[at] = after < 1e-9 ? 0 : after;
    sums[slot] = Math.max(0, (sums[slot] as number) + cost * (factors[known] as number));
  }

  function reserve(slot: number): void {
    if (slot < sums.length) return;
    const length = Math.max(slot + 1, 2 * sums.length);
    const moreCosts = new Float64Array(length * CLASSES);
    moreCosts.set(costs);
    costs = moreCosts;
    const moreSums = new Float64Array(length);
    moreSums.set(sums);
    sums = moreSums;
  }
}
