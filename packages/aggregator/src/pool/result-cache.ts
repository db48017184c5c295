// Results of tools that are said to stay true for a while. Bounded in bytes; what was used longest ago goes first. Each caller
// has results of its own, unless the configuration says that they are the same for everybody.
import { createHash } from "node:crypto";
import type { Clock } from "@fairlead/core";
import type { CacheConfig } from "../config.ts";
import { type Envelope, scanEnvelope, textOf } from "../wire/envelope.ts";
import type { Dispatch, Work } from "./policy.ts";
import type { PoolRequest } from "./pool-call.ts";
import { WrappedRequest } from "./wrapped-request.ts";

export interface ResultCache {
  readonly entries: number;
  readonly bytes: number;
  readonly hits: number;
  readonly misses: number;
  get(key: string): Buffer | undefined;
  /** Keeps a copy, unless it is too large. */
  put(key: string, message: Buffer, ttlMs: number): void;
  clear(): void;
}

interface CachedAnswer {
  readonly message: Buffer;
  readonly expiresAt: number;
}

/** What an entry costs besides its message: the key and the places in the table, in bytes. */
const ENTRY_BYTES = 256;
/** No single result takes more than this part of the cache. */
const LARGEST_PART = 8;

export function createResultCache(maxBytes: number, clock: Clock): ResultCache {
  /** In the order of last use. */
  const answers = new Map<string, CachedAnswer>();
  let bytes = 0;
  let hits = 0;
  let misses = 0;

  return {
    get entries() {
      return answers.size;
    },
    get bytes() {
      return bytes;
    },
    get hits() {
      return hits;
    },
    get misses() {
      return misses;
    },
    get(key) {
      const found = answers.get(key);
      if (found !== undefined) drop(key, found);
      if (found === undefined || found.expiresAt <= clock.now()) {
        misses++;
        return undefined;
      }
      keep(key, found);
      hits++;
      return found.message;
    },
    put(key, message, ttlMs) {
      const known = answers.get(key);
      if (known !== undefined) drop(key, known);
      if (sizeOf(message) > maxBytes / LARGEST_PART) return;
      // A copy: the message may be part of something larger.
      keep(key, { message: Buffer.from(message), expiresAt: clock.now() + ttlMs });
      for (const [oldest, answer] of answers) {
        if (bytes <= maxBytes) return;
        drop(oldest, answer);
      }
    },
    clear() {
      answers.clear();
      bytes = 0;
    },
  };

  function keep(key: string, answer: CachedAnswer): void {
    answers.set(key, answer);
    bytes += sizeOf(answer.message);
  }

  function drop(key: string, answer: CachedAnswer): void {
    answers.delete(key);
    bytes -= sizeOf(answer.message);
  }
}

/** Answers calls from the cache, and sends on those that are not in it. */
export function cacheCalls(
  cache: ResultCache,
  { ttlMs, shared = false }: CacheConfig,
  next: Dispatch,
): Dispatch {
  return (request) => {
    // A further round of a call has answers of the user in it.
    if (request.onlyModern) return next(request);
    const key = keyOf(request, shared);
    const known = cache.get(key);
    if (known === undefined)
      return next(new CachedRequest(request, (message) => cache.put(key, message, ttlMs)));
    request.onAnswer(known, scanEnvelope(known), NOBODY);
    return DONE;
  };
}

const DONE: Work = { cancel() {} };
/** No upstream was asked. */
const NOBODY = "";

class CachedRequest extends WrappedRequest {
  readonly #keep: (message: Buffer) => void;

  constructor(inner: PoolRequest, keep: (message: Buffer) => void) {
    super(inner);
    this.#keep = keep;
  }

  override onAnswer(message: Buffer, envelope: Envelope, upstream: string): void {
    if (isLasting(message, envelope)) this.#keep(message);
    this.inner.onAnswer(message, envelope, upstream);
  }
}

/** The bytes of the arguments as they came: 1 and 1.0, or another order of keys, are other calls. */
function keyOf(request: PoolRequest, shared: boolean): string {
  const { entry, caller } = request;
  const who = shared ? "" : JSON.stringify([caller.id, caller.view ?? null]);
  const hash = createHash("sha256").update(JSON.stringify([who, entry?.key ?? ""]));
  return hash.update(request.argumentBytes()).digest("base64");
}

/** Whether it is a whole result that the tool itself does not call an error. */
function isLasting(message: Buffer, envelope: Envelope): boolean {
  if (envelope.kind !== "result") return false;
  if ((textOf(message, envelope.resultType) ?? "complete") !== "complete") return false;
  const { start, end } = envelope.result;
  const { isError, task } = JSON.parse(message.toString("utf8", start, end)) as Record<string, unknown>;
  // A task is one call's own.
  return isError !== true && task === undefined;
}

function sizeOf(message: Buffer): number {
  return message.length + ENTRY_BYTES;
}
