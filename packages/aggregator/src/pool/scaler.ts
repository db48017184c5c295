// How many replicas an upstream should have. Up at once when calls wait or all are busy, down one by one after a long
// quiet; between the two thresholds nothing happens, so that it does not swing.
import type { ReplicasConfig } from "../config.ts";

/** An upstream with its replicas at one moment. */
export interface ScalerSample {
  readonly nowMs: number;
  /** Replicas that there are. */
  readonly replicas: number;
  /** Those that take calls. */
  readonly serving: number;
  /** Those that are on their way to it, and have not failed yet. */
  readonly starting: number;
  readonly inFlight: number;
  /** Calls that wait for any upstream of the pool, and how long the first of them has waited. */
  readonly queued: number;
  readonly waitedMs: number;
}

interface Decision {
  /** Replicas that there should be. */
  readonly replicas: number;
  readonly reason: string;
}

export interface Scaler {
  /** Undefined when the number is right. */
  decide(sample: ScalerSample): Decision | undefined;
}

export type ReplicaRange = Required<{ readonly [K in keyof ReplicasConfig]: number }>;

/** The configured numbers with their defaults. @throws RangeError naming the option and its value */
export function rangeOf(config: number | ReplicasConfig, maxConcurrency: number | undefined): ReplicaRange {
  const given: ReplicasConfig = typeof config === "number" ? { min: config } : config;
  const { min = 1, max = min, targetInFlight = maxConcurrency ?? 4 } = given;
  const { scaleUpWaitMs = 100, scaleUpRatio = 0.8, scaleDownRatio = 0.5 } = given;
  const { upCooldownMs = 1_000, downCooldownMs = 30_000 } = given;
  check("min", min, Number.isInteger(min) && min >= 1 && min <= MAX_REPLICAS);
  check("max", max, Number.isInteger(max) && max >= min && max <= MAX_REPLICAS);
  check("targetInFlight", targetInFlight, targetInFlight >= 1);
  check("scaleUpRatio", scaleUpRatio, scaleUpRatio > 0 && scaleUpRatio <= 1);
  check("scaleDownRatio", scaleDownRatio, scaleDownRatio >= 0 && scaleDownRatio < scaleUpRatio);
  return {
    min,
    max,
    targetInFlight,
    scaleUpWaitMs,
    scaleUpRatio,
    scaleDownRatio,
    upCooldownMs,
    downCooldownMs,
  };
}

const MAX_REPLICAS = 256;

export function createScaler(range: ReplicaRange): Scaler {
  const { min, max, targetInFlight, scaleUpWaitMs, scaleUpRatio, scaleDownRatio } = range;
  const { upCooldownMs, downCooldownMs } = range;
  let raisedAt = Number.NEGATIVE_INFINITY;
  /** Since when one replica fewer would have been enough; NaN while it would not. */
  let quietSince = Number.NaN;

  return {
    decide(sample) {
      const { nowMs, replicas, serving, starting, inFlight, queued, waitedMs } = sample;
      const load = inFlight / (Math.max(1, serving) * targetInFlight);
      const waits = queued > 0 && waitedMs >= scaleUpWaitMs;
      const isQuiet = queued === 0 && inFlight <= scaleDownRatio * targetInFlight * (replicas - 1);
      if (!isQuiet) quietSince = Number.NaN;
      else if (Number.isNaN(quietSince)) quietSince = nowMs;
      // Those that start already may be enough.
      if (
        (waits || load >= scaleUpRatio) &&
        replicas < max &&
        starting === 0 &&
        nowMs - raisedAt >= upCooldownMs
      ) {
        raisedAt = nowMs;
        const wanted = Math.ceil((inFlight + queued) / (targetInFlight * scaleUpRatio));
        const reason = waits
          ? `calls wait for ${Math.round(waitedMs)} ms`
          : `replicas are busy to ${Math.round(load * 100)} %`;
        return { replicas: Math.min(max, replicas * 2, Math.max(replicas + 1, wanted)), reason };
      }
      if (replicas > min && nowMs - quietSince >= downCooldownMs) {
        quietSince = nowMs;
        return { replicas: replicas - 1, reason: `quiet for ${Math.round(downCooldownMs / 1_000)} s` };
      }
      return undefined;
    },
  };
}

function check(name: string, value: number, isValid: boolean): void {
  if (!isValid) throw new RangeError(`replicas.${name} is out of range, got ${value}`);
}
