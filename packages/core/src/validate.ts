// Options are checked once, where a policy is built, so that no call has to.

/** Returns `value` when it is a number within [`min`, `max`] (both included). @throws RangeError naming `option`. */
export function numberBetween(option: string, value: number, min: number, max: number): number {
  if (typeof value === "number" && value >= min && value <= max) return value;
  throw new RangeError(`${option} must be a number from ${min} to ${max}, got ${String(value)}`);
}

/** As {@link numberBetween}, for whole numbers; `Infinity` passes where `max` is `Infinity`. */
export function integerBetween(option: string, value: number, min: number, max: number): number {
  if ((Number.isInteger(value) || value === Infinity) && value >= min && value <= max) return value;
  throw new RangeError(`${option} must be a whole number from ${min} to ${max}, got ${String(value)}`);
}

/** A duration in milliseconds that is finite and greater than zero. */
export function positiveMs(option: string, value: number): number {
  if (Number.isFinite(value) && value > 0) return value;
  throw new RangeError(`${option} must be a finite number of milliseconds above 0, got ${String(value)}`);
}

/** Returns `value` when it is one of `allowed`. */
export function oneOf<T extends string>(option: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  throw new RangeError(`${option} must be one of ${allowed.join(", ")}, got ${String(value)}`);
}
