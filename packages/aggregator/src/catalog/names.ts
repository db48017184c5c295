// Public names: `<namespace><separator><name>`, in the 64 characters of `[A-Za-z0-9_-]` that clients and model APIs
// accept. What does not fit is changed the same way every time; the way back is a table, never a guess.
import { createHash } from "node:crypto";

/** Longest public name. */
const MAX_NAME_LENGTH = 64;

const HASH_LENGTH = 8;

/** The public name of `name` in `namespace`. Different names may collide; the catalog finds that out. */
export function publicName(namespace: string, separator: string, name: string): string {
  const full = `${namespace}${separator}${name}`.replaceAll(/[^A-Za-z0-9_-]/g, "_");
  if (full.length <= MAX_NAME_LENGTH) return full;
  const hash = createHash("sha256").update(`${namespace}\0${name}`).digest("hex").slice(0, HASH_LENGTH);
  return `${full.slice(0, MAX_NAME_LENGTH - HASH_LENGTH - 1)}_${hash}`;
}

/** Whether `namespace` may name a pool. */
export function isNamespace(namespace: string): boolean {
  return /^[A-Za-z0-9_-]{1,32}$/.test(namespace);
}
