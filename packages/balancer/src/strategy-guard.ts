// Runs one strategy instance and keeps its faults away from traffic: a pick that throws, takes too long or
// names a slot outside the candidates is replaced by the fallback's, counted, and after `maxStrikes` the
// strategy is quarantined, which means that the fallback stays.

import type { Clock } from "@fairlead/core";
import type { LoadReport, PickRequest, Strategy } from "./contract.ts";
import {
  type Candidates,
  type Dispatch,
  type EndpointChange,
  type LeaseOutcome,
  NO_PICK,
} from "./contract.ts";

/** Why a pick was replaced. */
export type StrategyFault = "threw" | "stalled" | "outside-candidates";

export interface StrategyGuard {
  /** The strategy in charge: the configured one, or the fallback after quarantine. */
  readonly current: Strategy;
  readonly quarantined: boolean;
  readonly faults: number;
  pick(candidates: Candidates, request: PickRequest, isCandidate: (slot: number) => boolean): number;
  onStart(dispatch: Dispatch): void;
  onEnd(dispatch: Dispatch, outcome: LeaseOutcome, latencyMs: number): void;
  onLoadReport(slot: number, report: LoadReport): void;
  onEndpoint(slot: number, change: EndpointChange): void;
  /** What the strategy in charge tells about itself. */
  snapshot(): unknown;
  explain(candidates: Candidates, request: PickRequest, score: (slot: number, value: number) => void): void;
}

export interface StrategyGuardOptions {
  readonly strategy: Strategy;
  readonly createFallback: () => Strategy;
  readonly clock: Clock;
  /** Picks that take longer count as a fault; `Infinity` switches the check, and its clock reads, off. */
  readonly stallMs: number;
  readonly maxStrikes: number;
  readonly onFault: (fault: StrategyFault, strategy: Strategy, cause: unknown) => void;
  readonly onQuarantine: (strategy: Strategy, fallback: Strategy) => void;
}

/** One pick in this many is timed: two clock reads cost more than a pick. */
const TIMED_EVERY = 16;

/** Clean picks after which earlier strikes are forgiven, so that a rare pause of the process never adds up. */
const FORGIVEN_AFTER = 10_000;

/** Wraps `strategy`. The fallback is created and kept informed from the first fault on. */
export function createStrategyGuard(options: StrategyGuardOptions): StrategyGuard {
  const { createFallback, clock, stallMs, maxStrikes, onFault, onQuarantine } = options;
  const eligible = new Set<number>();
  let fallback: Strategy | undefined;
  let untimed = 0;
  let strikes = 0;
  let cleanPicks = 0;

  const guard = {
    current: options.strategy,
    quarantined: false,
    faults: 0,
    pick(candidates: Candidates, request: PickRequest, isCandidate: (slot: number) => boolean): number {
      if (guard.quarantined) return guard.current.pick(candidates, request);
      const timed = stallMs !== Number.POSITIVE_INFINITY && ++untimed >= TIMED_EVERY;
      const startedAt = timed ? clock.now() : 0;
      let slot: number;
      try {
        slot = guard.current.pick(candidates, request);
      } catch (cause) {
        return replace("threw", candidates, request, cause);
      }
      if (slot !== NO_PICK && !isCandidate(slot))
        return replace("outside-candidates", candidates, request, slot);
      if (timed) {
        untimed = 0;
        const tookMs = clock.now() - startedAt;
        if (tookMs > stallMs) strike("stalled", tookMs);
      }
      if (strikes > 0 && ++cleanPicks >= FORGIVEN_AFTER) strikes = 0;
      return slot;
    },
    onStart(dispatch: Dispatch): void {
      if (fallback !== undefined) fallback.onStart?.(dispatch);
      if (guard.quarantined || guard.current.onStart === undefined) return;
      try {
        guard.current.onStart(dispatch);
      } catch (cause) {
        strike("threw", cause);
      }
    },
    onEnd(dispatch: Dispatch, outcome: LeaseOutcome, latencyMs: number): void {
      if (fallback !== undefined) fallback.onEnd?.(dispatch, outcome, latencyMs);
      if (guard.quarantined || guard.current.onEnd === undefined) return;
      try {
        guard.current.onEnd(dispatch, outcome, latencyMs);
      } catch (cause) {
        strike("threw", cause);
      }
    },
    onLoadReport(slot: number, report: LoadReport): void {
      if (guard.quarantined || guard.current.onLoadReport === undefined) return;
      try {
        guard.current.onLoadReport(slot, report);
      } catch (cause) {
        strike("threw", cause);
      }
    },
    onEndpoint(slot: number, change: EndpointChange): void {
      if (change === "eligible") eligible.add(slot);
      else if (change === "ineligible") eligible.delete(slot);
      if (fallback !== undefined) fallback.onEndpoint?.(slot, change);
      if (guard.quarantined || guard.current.onEndpoint === undefined) return;
      try {
        guard.current.onEndpoint(slot, change);
      } catch (cause) {
        strike("threw", cause);
      }
    },
    snapshot(): unknown {
      try {
        return guard.current.snapshot?.();
      } catch (cause) {
        strike("threw", cause);
        return undefined;
      }
    },
    explain(
      candidates: Candidates,
      request: PickRequest,
      score: (slot: number, value: number) => void,
    ): void {
      try {
        guard.current.explain?.(candidates, request, score);
      } catch (cause) {
        strike("threw", cause);
      }
    },
  };
  return guard;

  function replace(
    fault: StrategyFault,
    candidates: Candidates,
    request: PickRequest,
    cause: unknown,
  ): number {
    strike(fault, cause);
    return ensureFallback().pick(candidates, request);
  }

  function strike(fault: StrategyFault, cause: unknown): void {
    guard.faults += 1;
    strikes += 1;
    cleanPicks = 0;
    onFault(fault, guard.current, cause);
    if (strikes < maxStrikes || guard.quarantined) return;
    const faulty = guard.current;
    guard.current = ensureFallback();
    guard.quarantined = true;
    onQuarantine(faulty, guard.current);
  }

  function ensureFallback(): Strategy {
    if (fallback !== undefined) return fallback;
    fallback = createFallback();
    for (const slot of eligible) {
      fallback.onEndpoint?.(slot, "reset");
      fallback.onEndpoint?.(slot, "eligible");
    }
    return fallback;
  }
}
