// Names of models: one model has several.

/** Whether two names mean one model: `key`, `key:2` (an instance), `key@variant`, with or without the publisher. */
export function sameModel(a: string, b: string): boolean {
  const [left, right] = [canonicalName(a), canonicalName(b)];
  return left === right || left.endsWith(`/${right}`) || right.endsWith(`/${left}`);
}

/** The name of the model itself: neither an instance nor a variant. */
export function canonicalName(name: string): string {
  return name
    .toLowerCase()
    .replace(/:\d+$/, "")
    .replace(/@[^/]*$/, "");
}
