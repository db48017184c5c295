// Values of `Mcp-Name` and `Mcp-Param-*` (2026-07-28): plain ASCII as it is, anything else in Base64 between `=?base64?`
// and `?=`, so that a header's bytes mean the same to everybody on the way.
const SENTINEL_HEAD = "=?base64?";
const SENTINEL_TAIL = "?=";
const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** Encodes a value for a header field. */
export function encodeHeaderValue(value: string): string {
  if (PLAIN.test(value) && !(value.startsWith(SENTINEL_HEAD) && value.endsWith(SENTINEL_TAIL))) return value;
  return SENTINEL_HEAD + Buffer.from(value, "utf8").toString("base64") + SENTINEL_TAIL;
}

/** Decodes a header field's value; undefined when what stands in the sentinel is no Base64 of UTF-8. */
export function decodeHeaderValue(value: string): string | undefined {
  if (!value.startsWith(SENTINEL_HEAD) || !value.endsWith(SENTINEL_TAIL)) return value;
  const base64 = value.slice(SENTINEL_HEAD.length, -SENTINEL_TAIL.length);
  const bytes = Buffer.from(base64, "base64");
  if (bytes.toString("base64") !== base64) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
