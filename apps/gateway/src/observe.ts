// One gate out of the one that decides and those that only watch: metrics, audit, traces.
import type { AttemptEnd, Gate, GateRequest, RequestEnd, RequestWatch } from "@fairlead/aggregator";

/** Told of each request that was admitted; returns how to follow it. */
export type Observer = (request: GateRequest) => RequestWatch | undefined;

export function observedGate(
  gate: Gate,
  observers: readonly Observer[],
  scrub: (text: string) => string,
): Gate {
  return {
    ...gate,
    admit(request) {
      const decision = gate.admit(request);
      if (decision !== undefined && "refuse" in decision) return decision;
      const watches = observers.map((observe) => observe(request)).filter((watch) => watch !== undefined);
      if (decision !== undefined) watches.push(decision);
      return joined(watches, scrub);
    },
  };
}

function joined(watches: readonly RequestWatch[], scrub: (text: string) => string): RequestWatch {
  return {
    scrub,
    onEnd(end: RequestEnd) {
      for (const watch of watches) watch.onEnd?.(end);
    },
    onAttempt(attempt: AttemptEnd) {
      for (const watch of watches) watch.onAttempt?.(attempt);
    },
  };
}
