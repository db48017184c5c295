// Takes members out of a JSON object, each with the comma next to it; every other byte stays as it came.
import type { Span } from "./envelope.ts";
import { firstMember, nextMember, skipString, skipValue, stringIs, valueOfMember } from "./json-scan.ts";
import type { Splice } from "./splice.ts";

/** The message has been scanned, so its depth is known to be bounded. */
const DEPTH = 1_024;
const NOTHING = Buffer.alloc(0);

/**
 * Adds what takes the members `names` of the object at `span` away. An insertion at the object's beginning must have been
 * added before.
 */
export function takeAway(
  splices: Splice[],
  message: Buffer,
  { start: objectStart, end: objectEnd }: Readonly<Span>,
  names: readonly string[],
): void {
  if (objectStart === -1) return;
  /** Where the last member that stays ends. */
  let keptEnd = -1;
  /** Where those that went since then begin. */
  let goneFrom = -1;
  for (let key = firstMember(message, objectStart, DEPTH); key !== -1; ) {
    const keyEnd = skipString(message, key);
    const end = skipValue(message, valueOfMember(message, keyEnd), DEPTH);
    const goes = names.some((name) => stringIs(message, key, keyEnd, name));
    if (goes && goneFrom === -1) goneFrom = key;
    if (!goes) {
      if (goneFrom !== -1) splices.push({ span: { start: goneFrom, end: key }, bytes: NOTHING });
      goneFrom = -1;
      keptEnd = end;
    }
    key = nextMember(message, end);
  }
  if (goneFrom === -1) return;
  // Up to the closing brace, and with the comma before, if there is one.
  const start = keptEnd === -1 ? goneFrom : keptEnd;
  splices.push({ span: { start, end: objectEnd - 1 }, bytes: NOTHING });
}
