// Header fields as they come off the wire: names in lower case and values, in turn.

/** A field's value, when it was sent once. @param name in lower case */
export function headerOf(headers: readonly string[], name: string): string | undefined {
  let value: string | undefined;
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at] !== name) continue;
    if (value !== undefined) return undefined;
    value = headers[at + 1];
  }
  return value;
}
