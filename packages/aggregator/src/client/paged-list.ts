// Answers of the list methods, printed from the catalog's bytes, in pages with an opaque cursor.
import type { PublicEntry, Scope } from "../catalog/catalog.ts";
import type { ListKind } from "../catalog/lists.ts";
import type { Era } from "../era.ts";

const COMMA = Buffer.from(",");

/** Pages that were printed before; the catalog makes new arrays when it changes, and the old pages go with the old ones. */
const printed = new WeakMap<readonly PublicEntry[], Map<string, Buffer>>();

/**
 * Prints one page as a `result` object.
 *
 * @returns undefined when the cursor is not one of ours
 */
export function printPage(
  scope: Scope,
  kind: ListKind,
  era: Era,
  cursor: string | undefined,
  pageSize: number,
): Buffer | undefined {
  const entries = scope.list(kind);
  const start = cursor === undefined ? 0 : startOf(entries, kind, cursor);
  if (start === undefined) return undefined;
  // A cursor may name any entry; kept are only the pages that a client meets who reads the list from its beginning.
  if (start % pageSize !== 0) return print(entries, kind, hintFor(scope, kind, era), start, pageSize);
  let pages = printed.get(entries);
  if (pages === undefined) {
    pages = new Map();
    printed.set(entries, pages);
  }
  const hint = hintFor(scope, kind, era);
  const key = `${hint} ${start} ${pageSize}`;
  let page = pages.get(key);
  if (page === undefined) {
    page = print(entries, kind, hint, start, pageSize);
    pages.set(key, page);
  }
  return page;
}

/** The members that a modern result has beside the list, as an object. */
function hintFor(scope: Scope, kind: ListKind, era: Era): string {
  return era === "modern" ? JSON.stringify({ resultType: "complete", ...scope.hintOf(kind) }) : "{}";
}

function print(
  entries: readonly PublicEntry[],
  kind: ListKind,
  fields: string,
  start: number,
  pageSize: number,
): Buffer {
  const page = entries.slice(start, start + pageSize);
  const parts: Buffer[] = [Buffer.from(`{"${kind}":[`)];
  for (const [at, entry] of page.entries()) {
    if (at > 0) parts.push(COMMA);
    parts.push(entry.bytes);
  }
  const last = page.at(-1);
  const more = last !== undefined && start + pageSize < entries.length;
  const next = more ? `,"nextCursor":${JSON.stringify(encodeCursor(kind, start + pageSize, last.key))}` : "";
  parts.push(Buffer.from(`]${next}${fields === "{}" ? "" : `,${fields.slice(1, -1)}`}}`));
  return Buffer.concat(parts);
}

function encodeCursor(kind: ListKind, index: number, after: string): string {
  return Buffer.from(JSON.stringify([kind, index, after])).toString("base64url");
}

/** Behind the entry that ended the page before, wherever it stands now; if it is gone, at the same position. */
function startOf(entries: readonly PublicEntry[], kind: ListKind, cursor: string): number | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
  if (!Array.isArray(parsed)) return undefined;
  const [itsKind, index, after] = parsed as unknown[];
  if (itsKind !== kind || typeof index !== "number" || !Number.isSafeInteger(index) || index < 0)
    return undefined;
  const at = entries.findIndex((entry) => entry.key === after);
  return at === -1 ? Math.min(index, entries.length) : at + 1;
}
