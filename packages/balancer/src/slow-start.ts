// A new or returning endpoint gets its share of the work bit by bit: caches are cold, pools empty, code not yet
// compiled. Envoy's formula: weight × max(minimum, (time / window) ^ (1 / aggression)).

/** Options of slow start. */
export interface SlowStartOptions {
  /** How long the ramp takes in ms; 0 switches slow start off. @defaultValue 0 */
  readonly windowMs?: number;
  /** 1 is a straight line; larger gives more work early; > 0. @defaultValue 1 */
  readonly aggression?: number;
  /** Share of its weight that an endpoint gets at once, (0–1]. @defaultValue 0.1 */
  readonly minWeightRatio?: number;
}

export interface SlowStart {
  readonly windowMs: number;
  /** Factor on the weight of an endpoint that began to serve `elapsedMs` ago. */
  factor(elapsedMs: number): number;
}

/** Creates the ramp. @throws RangeError naming the option and its value */
export function createSlowStart(options: SlowStartOptions = {}): SlowStart {
  const { windowMs = 0, aggression = 1, minWeightRatio = 0.1 } = options;
  if (!(windowMs >= 0 && windowMs < Infinity))
    throw new RangeError(`slowStart.windowMs must be a finite number >= 0, got ${windowMs}`);
  if (!(aggression > 0)) throw new RangeError(`slowStart.aggression must be > 0, got ${aggression}`);
  if (!(minWeightRatio > 0 && minWeightRatio <= 1))
    throw new RangeError(`slowStart.minWeightRatio must be in (0, 1], got ${minWeightRatio}`);
  return {
    windowMs,
    factor: (elapsedMs) =>
      elapsedMs >= windowMs
        ? 1
        : Math.max(minWeightRatio, (Math.max(0, elapsedMs) / windowMs) ** (1 / aggression)),
  };
}
