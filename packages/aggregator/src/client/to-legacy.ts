// What a modern client's request must not carry to a legacy server: the members of `_meta` that make it modern. Servers of
// both eras refuse them in a session that was opened by a handshake.
import {
  META_CLIENT_CAPABILITIES,
  META_CLIENT_INFO,
  META_LOG_LEVEL,
  META_PROTOCOL_VERSION,
} from "../wire/envelope.ts";
import {
  firstMember,
  nextMember,
  skipString,
  skipValue,
  stringIs,
  valueOfMember,
} from "../wire/json-scan.ts";
import type { Splice } from "../wire/splice.ts";
import type { Exchange } from "./client.ts";

const MODERN_KEYS: readonly string[] = [
  META_PROTOCOL_VERSION,
  META_CLIENT_CAPABILITIES,
  META_CLIENT_INFO,
  META_LOG_LEVEL,
];
/** The message has been scanned, so its depth is known to be bounded. */
const DEPTH = 1_024;
const NOTHING = Buffer.alloc(0);

/** Adds what takes these members away, each with the comma next to it; all others stay as they are. */
export function spliceForLegacy(splices: Splice[], { message, envelope: { meta } }: Exchange): void {
  if (meta.start === -1) return;
  /** Where the last member that stays ends. */
  let keptEnd = -1;
  /** Where those that went since then begin. */
  let goneFrom = -1;
  for (let key = firstMember(message, meta.start, DEPTH); key !== -1; ) {
    const keyEnd = skipString(message, key);
    const end = skipValue(message, valueOfMember(message, keyEnd), DEPTH);
    const goes = MODERN_KEYS.some((name) => stringIs(message, key, keyEnd, name));
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
  splices.push({ span: { start, end: meta.end - 1 }, bytes: NOTHING });
}
