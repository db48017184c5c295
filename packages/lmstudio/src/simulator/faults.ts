// Which request meets which fault. Decided by the request's number and the seed alone, so a run can be repeated.
import { createSeededRandom } from "@fairlead/core/testing";

/** The kinds of fault, each seen on a real host; the README has a row for every one. */
export const faultKinds = [
  "empty",
  "no-chunks",
  "wedged",
  "reasoning-only",
  "swap-html-500",
  "load-aborted",
  "load-failed",
  "engine-aborted",
  "empty-400",
  "engine-error-500",
  "model-unloaded",
  "crash",
  "load-failed-in-stream",
  "hang",
  "stall",
  "reset",
  "cut",
  "corrupt-frame",
  "substitute",
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** What a request wants: an answer, or a load by `POST /api/v1/models/load`. */
export type FaultTarget = "inference" | "load";

export interface Fault {
  readonly kind: FaultKind;
  /** Requests for a load meet only those faults that come before an answer. @defaultValue "inference" */
  readonly on?: FaultTarget;
  /** Share of the requests that meet it, from 0 to 1. @defaultValue 1 when `requests` is not given */
  readonly rate?: number;
  /** Numbers of the requests that meet it, counted from 1 since the start, inference and loads apart. */
  readonly requests?: readonly number[];
  /** Only requests that ask for this model. @defaultValue every model */
  readonly model?: string;
}

export interface FaultPlan {
  /** The first fault that applies to request `number` of its kind. */
  pick(number: number, model: string, target?: FaultTarget): FaultKind | undefined;
  /** @returns how to take it back. @throws RangeError when it is none. */
  add(fault: Fault): () => void;
}

/** @throws RangeError when a fault is none. */
export function createFaultPlan(seed: number, initial: readonly Fault[]): FaultPlan {
  const faults = new Map<number, Fault>();
  let added = 0;
  for (const fault of initial) add(fault);
  return {
    add,
    pick(number, model, target = "inference") {
      for (const [id, fault] of faults)
        if ((fault.on ?? "inference") === target && applies(id, fault, number, model)) return fault.kind;
      return undefined;
    },
  };

  function add(fault: Fault): () => void {
    const { kind, rate = 1 } = fault;
    if (!faultKinds.includes(kind))
      throw new RangeError(`fault.kind must be one of ${faultKinds.join(", ")}, got ${String(kind)}`);
    if (!(rate >= 0 && rate <= 1)) throw new RangeError(`fault.rate must be from 0 to 1, got ${rate}`);
    added += 1;
    const id = added;
    faults.set(id, fault);
    return () => {
      faults.delete(id);
    };
  }

  function applies(id: number, fault: Fault, number: number, model: string): boolean {
    if (fault.model !== undefined && fault.model !== model) return false;
    if (fault.requests !== undefined && !fault.requests.includes(number)) return false;
    const { rate = 1 } = fault;
    return rate === 1 || createSeededRandom(seed * 1_000_003 + id * 7_919 + number)() < rate;
  }
}
