// Passive health: an endpoint whose calls fail, in a row or too often, or are too slow, is left out for a
// while. After Envoy's outlier detection, with two changes. No sweep timer: everything is decided when a call
// comes back, and successes read no clock. Short ejections that grow: a gateway's pools are small, and a
// returning endpoint is on probation, where one more failure sends it out again.

/** Options of outlier ejection. */
export interface OutlierEjectionOptions {
  /** Failures in a row that eject; 0 switches the rule off. @defaultValue 5 */
  readonly consecutiveFailures?: number;
  /** Share of failures (0–1] within a window that ejects; `Infinity` switches the rule off. @defaultValue 0.5 */
  readonly failureRatio?: number;
  /** Calls slower than this, in ms, are slow; `Infinity` switches the rule off. @defaultValue Infinity */
  readonly slowCallMs?: number;
  /** Share of slow calls (0–1] within a window that ejects. @defaultValue 0.8 */
  readonly slowCallRatio?: number;
  /** Length of a window in ms; it begins with a failure or a slow call. @defaultValue 10_000 */
  readonly windowMs?: number;
  /** Calls in a window below which ratios mean nothing. @defaultValue 20 */
  readonly minimumCalls?: number;
  /** First ejection in ms; doubles with each further one. @defaultValue 1_000 */
  readonly baseEjectionMs?: number;
  /** Longest ejection in ms. @defaultValue 5_000 */
  readonly maxEjectionMs?: number;
  /** Share of a level's endpoints that may be out at once; one always may. @defaultValue 0.5 */
  readonly maxEjectedRatio?: number;
}

/** Which rule ejected an endpoint. */
export type EjectionReason = "consecutive-failures" | "failure-ratio" | "slow-calls";

/** Per endpoint; owned by {@link OutlierDetector}. */
export interface OutlierState {
  /** Failures (negative) or successes (positive) in a row. */
  streak: number;
  windowStartedAtMs: number;
  calls: number;
  failures: number;
  slowCalls: number;
  /** `NaN` when not ejected. */
  ejectedUntilMs: number;
  /** Ejections since the endpoint last proved itself; the exponent of the next one's length. */
  recentEjections: number;
  ejections: number;
}

export interface OutlierDetector {
  readonly maxEjectedRatio: number;
  /** `true` when latencies have to be measured. */
  readonly needsLatency: boolean;
  newState(): OutlierState;
  /** Notes how a call ended, and says whether that ejects the endpoint. */
  judge(state: OutlierState, failed: boolean, latencyMs: number): EjectionReason | undefined;
  /** Starts an ejection and says how long it is, in ms. */
  eject(state: OutlierState, nowMs: number): number;
  /** Ends an ejection; the endpoint is on probation. */
  restore(state: OutlierState): void;
}

/** Creates the detector. @throws RangeError naming the option and its value */
export function createOutlierDetector(now: () => number, options: OutlierEjectionOptions): OutlierDetector {
  const { consecutiveFailures = 5, failureRatio = 0.5, windowMs = 10_000, minimumCalls = 20 } = options;
  const { slowCallMs = Number.POSITIVE_INFINITY, slowCallRatio = 0.8 } = options;
  const { baseEjectionMs = 1_000, maxEjectionMs = 5_000, maxEjectedRatio = 0.5 } = options;
  check(
    "consecutiveFailures",
    consecutiveFailures,
    Number.isInteger(consecutiveFailures) && consecutiveFailures >= 0,
  );
  check("failureRatio", failureRatio, failureRatio > 0 && (failureRatio <= 1 || failureRatio === Infinity));
  check("slowCallMs", slowCallMs, slowCallMs > 0);
  check("slowCallRatio", slowCallRatio, slowCallRatio > 0 && slowCallRatio <= 1);
  check("windowMs", windowMs, windowMs > 0);
  check("minimumCalls", minimumCalls, minimumCalls >= 1);
  check("baseEjectionMs", baseEjectionMs, baseEjectionMs > 0);
  check("maxEjectionMs", maxEjectionMs, maxEjectionMs >= baseEjectionMs);
  check("maxEjectedRatio", maxEjectedRatio, maxEjectedRatio >= 0 && maxEjectedRatio <= 1);

  return {
    maxEjectedRatio,
    needsLatency: slowCallMs !== Number.POSITIVE_INFINITY,
    newState: () => ({
      streak: 0,
      windowStartedAtMs: Number.NEGATIVE_INFINITY,
      calls: 0,
      failures: 0,
      slowCalls: 0,
      ejectedUntilMs: Number.NaN,
      recentEjections: 0,
      ejections: 0,
    }),
    judge(state, failed, latencyMs) {
      state.calls += 1;
      if (failed) state.streak = Math.min(state.streak, 0) - 1;
      else state.streak = Math.max(state.streak, 0) + 1;
      const slow = latencyMs > slowCallMs;
      if (!failed && !slow) {
        if (state.recentEjections > 0 && state.streak >= consecutiveFailures) state.recentEjections = 0;
        return undefined;
      }
      const nowMs = now();
      if (nowMs - state.windowStartedAtMs > windowMs) openWindow(state, nowMs);
      if (failed) state.failures += 1;
      if (slow) state.slowCalls += 1;
      if (!Number.isNaN(state.ejectedUntilMs)) return undefined;
      if (failed && consecutiveFailures > 0 && -state.streak >= consecutiveFailures)
        return "consecutive-failures";
      if (state.calls < minimumCalls) return undefined;
      if (state.failures / state.calls >= failureRatio) return "failure-ratio";
      if (state.slowCalls / state.calls >= slowCallRatio) return "slow-calls";
      return undefined;
    },
    eject(state, nowMs) {
      const durationMs = Math.min(maxEjectionMs, baseEjectionMs * 2 ** Math.min(state.recentEjections, 30));
      state.ejectedUntilMs = nowMs + durationMs;
      state.recentEjections += 1;
      state.ejections += 1;
      return durationMs;
    },
    restore(state) {
      state.ejectedUntilMs = Number.NaN;
      state.windowStartedAtMs = Number.NEGATIVE_INFINITY;
      state.streak = 1 - Math.max(1, consecutiveFailures);
    },
  };
}

function openWindow(state: OutlierState, nowMs: number): void {
  state.windowStartedAtMs = nowMs;
  state.calls = 1;
  state.failures = 0;
  state.slowCalls = 0;
}

function check(name: string, value: number, valid: boolean): void {
  if (!valid) throw new RangeError(`outlierEjection.${name} is out of range, got ${value}`);
}
