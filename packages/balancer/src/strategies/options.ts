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
