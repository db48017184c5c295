// What an outcome says about the endpoint. One place, so that strategies, ejection and statistics agree.
import type { LeaseOutcome } from "./contract.ts";

/** `true` for outcomes that speak against the endpoint: `transport-error`, `overload`, `timeout`. */
export function isFailure(outcome: LeaseOutcome): boolean {
  return outcome === "transport-error" || outcome === "overload" || outcome === "timeout";
}

/** `true` for outcomes that say nothing about the endpoint: `client-error`, `cancelled`, `hedge-loser`, `not-sent`. */
export function isNeutral(outcome: LeaseOutcome): boolean {
  return !isFailure(outcome) && outcome !== "success" && outcome !== "app-error";
}
