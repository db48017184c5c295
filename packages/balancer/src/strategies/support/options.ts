// Options come from configuration, so their shape is not known before this check.

/** Merges `options` over `defaults`; throws a {@link RangeError} for anything but an object with known names. */
export function optionsOf<Defaults extends object>(
  strategy: string,
  options: unknown,
  defaults: Defaults,
): Defaults {
  if (options === undefined) return defaults;
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw new RangeError(`options of ${strategy} must be an object, got ${JSON.stringify(options)}`);
  for (const name of Object.keys(options))
    if (!Object.hasOwn(defaults, name))
      throw new RangeError(`${strategy} has no option ${name}, got ${JSON.stringify(options)}`);
  return { ...defaults, ...options };
}

/** Throws a {@link RangeError} unless `value` is a finite number within `[min, max]`. */
export function inRange(name: string, value: unknown, min: number, max: number): void {
  if (typeof value === "number" && value >= min && value <= max) return;
  throw new RangeError(`${name} must be a number from ${min} to ${max}, got ${String(value)}`);
}
