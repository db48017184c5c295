// One gate out of the one that decides and those that only watch: metrics, audit, traces.
import type {
  AttemptEnd,
  Gate,
  GateRequest,
  RequestEnd,
  RequestWatch,
  TraceContext,
} from "@fairlead/aggregator";

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
      return new JoinedWatch(watches, scrub);
    },
  };
}

/** A class, because one is made per request: its functions are shared. */
class JoinedWatch implements RequestWatch {
  readonly scrub: (text: string) => string;
  readonly #watches: readonly RequestWatch[];

  constructor(watches: readonly RequestWatch[], scrub: (text: string) => string) {
    this.scrub = scrub;
    this.#watches = watches;
  }

  onAttemptStart(): TraceContext | undefined {
    for (const watch of this.#watches) {
      const trace = watch.onAttemptStart?.();
      if (trace !== undefined) return trace;
    }
    return undefined;
  }

  onAttempt(attempt: AttemptEnd): void {
    for (const watch of this.#watches) watch.onAttempt?.(attempt);
  }

  onEnd(end: RequestEnd): void {
    for (const watch of this.#watches) watch.onEnd?.(end);
  }
}
