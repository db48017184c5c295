// Keys of clients and operators: random, shown once, kept as a hash. 256 random bits need no slow hash: there is nothing
// to guess (as with GitHub's and npm's tokens).
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

const PREFIX = "flk_";

/** A new key: `flk_` and 43 characters of base64url. */
export function createKey(): string {
  return PREFIX + randomBytes(32).toString("base64url");
}

/** What is kept of a key: its SHA-256, in hexadecimal. */
export function hashKey(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/** Finds who a key belongs to. How long it takes says nothing about how much of a key was right. */
export function createKeyring<T>(entries: Iterable<readonly [hash: string, owner: T]>): {
  find(key: string): T | undefined;
} {
  const hashes = [...entries].map(([hash, owner]) => ({ hash: Buffer.from(hash, "hex"), owner }));
  return {
    find(key) {
      const presented = createHash("sha256").update(key).digest();
      let found: T | undefined;
      for (const { hash, owner } of hashes) {
        if (hash.length === presented.length && timingSafeEqual(hash, presented)) found = owner;
      }
      return found;
    },
  };
}
