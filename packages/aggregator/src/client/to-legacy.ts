// What a modern client's request must not carry to a legacy server: the members of `_meta` that make it modern, which servers
// of both eras refuse in a session that was opened by a handshake.
import {
  META_CLIENT_CAPABILITIES,
  META_CLIENT_INFO,
  META_LOG_LEVEL,
  META_PROTOCOL_VERSION,
} from "../wire/envelope.ts";
import type { Splice } from "../wire/splice.ts";
import { takeAway } from "../wire/take-away.ts";
import type { Exchange } from "./client.ts";
import { takeTaskAway } from "./tasks.ts";

const MODERN_KEYS: readonly string[] = [
  META_PROTOCOL_VERSION,
  META_CLIENT_CAPABILITIES,
  META_CLIENT_INFO,
  META_LOG_LEVEL,
];

/** Adds what takes these members away; all others stay as they are. */
export function spliceForLegacy(splices: Splice[], exchange: Exchange): void {
  takeAway(splices, exchange.message, exchange.envelope.meta, MODERN_KEYS);
  takeTaskAway(splices, exchange);
}
