// Results of tools that are said to stay true for a while. Bounded in entries and bytes; what was used longest ago goes first.
import type { Clock } from "@fairlead/core";

export interface ResultCache {
  readonly entries: number;
  readonly bytes: number;
  readonly hits: number;
  readonly misses: number;
  /** Calls that got the result of an equal one that was under way. */
  readonly joins: number;
  get(key: string): Buffer | undefined;
  /** Keeps a copy, unless it is too large. */
  put(key: string, message: Buffer, ttlMs: number): void;
  /** A call waits for the result of another one. */
  joined(): void;
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

export interface ResultCacheOptions {
  readonly maxBytes: number;
  readonly maxEntries: number;
  readonly clock: Clock;
}

export function createResultCache({ maxBytes, maxEntries, clock }: ResultCacheOptions): ResultCache {
  /** In the order of last use. */
  const answers = new Map<string, CachedAnswer>();
  let bytes = 0;
  let hits = 0;
  let misses = 0;
  let joins = 0;

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
    get joins() {
      return joins;
    },
    joined: () => void joins++,
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
        if (bytes <= maxBytes && answers.size <= maxEntries) return;
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

function sizeOf(message: Buffer): number {
  return message.length + ENTRY_BYTES;
}
