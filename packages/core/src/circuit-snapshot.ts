import type { CircuitReason, CircuitState } from "./circuit-state.ts";
import { integerBetween, numberBetween, oneOf } from "./validate.ts";

/** A breaker's state as plain data that survives JSON. */
export interface CircuitSnapshot {
  readonly version: 1;
  readonly status: CircuitState["status"];
  readonly reason: CircuitReason;
  /** What `forceOpen` or `forceClose` was told. */
  readonly detail: string | null;
  /** How much longer it stays open, in milliseconds (clocks differ, so no time of day); `null` is until told otherwise. */
  readonly remainingMs: number | null;
  readonly consecutiveFailures: number;
  readonly trips: number;
}

/** @throws RangeError naming what is wrong: a snapshot may come from a file or another process. */
export function checkSnapshot(snapshot: CircuitSnapshot): CircuitSnapshot {
  const { version, status, remainingMs, consecutiveFailures, trips } = snapshot;
  numberBetween("snapshot.version", version, 1, 1);
  oneOf("snapshot.status", status, ["closed", "open", "half-open"]);
  if (remainingMs !== null) numberBetween("snapshot.remainingMs", remainingMs, 0, Number.MAX_VALUE);
  integerBetween("snapshot.consecutiveFailures", consecutiveFailures, 0, Number.MAX_SAFE_INTEGER);
  integerBetween("snapshot.trips", trips, 0, Number.MAX_SAFE_INTEGER);
  return snapshot;
}
