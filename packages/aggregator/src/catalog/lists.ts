// Reads a server's lists, all pages of them, and keeps every entry as the bytes that it came in: unknown keys and
// large numbers in a tool's schema are its author's business.
import type { Clock } from "@fairlead/core";
import type { UpstreamConnection } from "../upstream/connection.ts";
import { type ControlAnswer, ControlError, controlRequest } from "../upstream/control.ts";
import type { Span } from "../wire/envelope.ts";
import {
  DEFAULT_MAX_DEPTH,
  firstElement,
  firstMember,
  nextElement,
  nextMember,
  readString,
  scanEnd,
  skipString,
  skipValue,
  stringIs,
  valueOfMember,
} from "../wire/json-scan.ts";
import { type HeaderParam, parseHeaderParams } from "./header-params.ts";

/** The four kinds of things that a server lists. */
export type ListKind = "tools" | "resources" | "resourceTemplates" | "prompts";

/** One listed thing. */
export interface Entry {
  /** `name`, or for resources `uri`, or for templates `uriTemplate`. */
  readonly key: string;
  readonly bytes: Buffer;
  /** Where `name` (quotes included) stands in `bytes`; only for tools and prompts. */
  readonly nameSpan: Readonly<Span>;
  /** Of a tool: `annotations.readOnlyHint` or `annotations.idempotentHint` is true. */
  readonly repeatable: boolean;
  /** Of a tool: `annotations.readOnlyHint` is true. */
  readonly readOnly: boolean;
  /** Of a tool: its arguments that are also header fields in the modern era. */
  readonly headerParams: readonly HeaderParam[] | undefined;
}

/** How long a list may be kept, and whether for everybody (revision 2026-07-28). */
export interface CacheHint {
  readonly ttlMs: number;
  readonly cacheScope: "public" | "private";
}

/** For lists of servers that say nothing about it: fresh at once, and for this client only. */
export const NO_CACHE: CacheHint = { ttlMs: 0, cacheScope: "private" };

/** One kind of things that a server lists. */
export interface List {
  readonly entries: readonly Entry[];
  /** Undefined when the server has no such list at all. */
  readonly hint: CacheHint | undefined;
}

export type Lists = Readonly<Record<ListKind, List>>;

export const LIST_KINDS: readonly ListKind[] = ["tools", "resources", "resourceTemplates", "prompts"];

/** Method, key and notification of each kind. */
export const LIST_METHODS: Readonly<
  Record<ListKind, { readonly method: string; readonly capability: string; readonly key: string }>
> = {
  tools: { method: "tools/list", capability: "tools", key: "name" },
  resources: { method: "resources/list", capability: "resources", key: "uri" },
  resourceTemplates: { method: "resources/templates/list", capability: "resources", key: "uriTemplate" },
  prompts: { method: "prompts/list", capability: "prompts", key: "name" },
};

const NO_LIST: List = { entries: [], hint: undefined };

export const NO_LISTS: Lists = {
  tools: NO_LIST,
  resources: NO_LIST,
  resourceTemplates: NO_LIST,
  prompts: NO_LIST,
};

const MAX_PAGES = 100;
const MAX_ENTRIES = 10_000;
const METHOD_NOT_FOUND = -32601;

export interface FetchListsOptions {
  readonly capabilities: Readonly<Record<string, unknown>>;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** Reads those lists that the server declares. @throws {@link ControlError} */
export async function fetchLists(connection: UpstreamConnection, options: FetchListsOptions): Promise<Lists> {
  const lists = await Promise.all(LIST_KINDS.map((kind) => fetchList(connection, kind, options)));
  return Object.fromEntries(LIST_KINDS.map((kind, at) => [kind, lists[at] ?? NO_LIST])) as unknown as Lists;
}

/** Reads one list. @throws {@link ControlError} */
export async function fetchList(
  connection: UpstreamConnection,
  kind: ListKind,
  { capabilities, timeoutMs, clock }: FetchListsOptions,
): Promise<List> {
  const { method, capability } = LIST_METHODS[kind];
  if (capabilities[capability] === undefined) return NO_LIST;
  const entries: Entry[] = [];
  const seen = new Set<string>();
  let cursor: string | undefined;
  let hint: CacheHint | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    let answer: ControlAnswer;
    try {
      answer = await controlRequest(
        connection,
        method,
        cursor === undefined ? {} : { cursor },
        timeoutMs,
        clock,
      );
    } catch (error) {
      // A server may declare resources and know no templates.
      if (error instanceof ControlError && error.rpcCode === METHOD_NOT_FOUND) return { entries, hint };
      throw error;
    }
    const { items, nextCursor, hint: pageHint } = parsePage(answer, kind);
    hint = hint === undefined ? pageHint : stricterHint(hint, pageHint);
    for (const entry of items) {
      if (seen.has(entry.key)) continue;
      seen.add(entry.key);
      entries.push(entry);
    }
    if (entries.length > MAX_ENTRIES) throw new ControlError(`lists more than ${MAX_ENTRIES} ${kind}`);
    if (nextCursor === undefined) return { entries, hint };
    cursor = nextCursor;
  }
  throw new ControlError(`lists its ${kind} on more than ${MAX_PAGES} pages`);
}

/** What holds for both: the shorter time, and private if either is. */
export function stricterHint(a: CacheHint, b: CacheHint): CacheHint {
  const isPublic = a.cacheScope === "public" && b.cacheScope === "public";
  return { ttlMs: Math.min(a.ttlMs, b.ttlMs), cacheScope: isPublic ? "public" : "private" };
}

function parsePage(
  { message, result }: ControlAnswer,
  kind: ListKind,
): { items: Entry[]; nextCursor: string | undefined; hint: CacheHint } {
  const items: Entry[] = [];
  let nextCursor: string | undefined;
  let { ttlMs, cacheScope } = NO_CACHE;
  for (let key = firstMember(message, result.start, DEFAULT_MAX_DEPTH); key !== -1; ) {
    const keyEnd = skipString(message, key);
    const value = valueOfMember(message, keyEnd);
    let end: number;
    if (stringIs(message, key, keyEnd, kind) && message[value] === 0x5b) {
      end = parseEntries(message, value, kind, items);
    } else {
      end = skipValue(message, value, DEFAULT_MAX_DEPTH);
      if (message[value] === 0x22 && stringIs(message, key, keyEnd, "nextCursor"))
        nextCursor = readString(message, value, end);
      else if (stringIs(message, key, keyEnd, "ttlMs"))
        ttlMs = Number(message.toString("latin1", value, end));
      else if (stringIs(message, key, keyEnd, "cacheScope") && stringIs(message, value, end, "public"))
        cacheScope = "public";
    }
    key = nextMember(message, end);
  }
  return { items, nextCursor, hint: ttlMs > 0 ? { ttlMs, cacheScope } : { ttlMs: 0, cacheScope } };
}

function parseEntries(message: Buffer, start: number, kind: ListKind, into: Entry[]): number {
  let element = firstElement(message, start, DEFAULT_MAX_DEPTH);
  while (element !== -1) {
    const end = skipValue(message, element, DEFAULT_MAX_DEPTH);
    // A copy: an entry must not keep the whole page alive.
    const entry =
      message[element] === 0x7b
        ? parseEntry(Buffer.from(message.subarray(element, end)), LIST_METHODS[kind].key)
        : undefined;
    if (entry !== undefined) into.push(entry);
    element = nextElement(message, end);
  }
  return scanEnd;
}

function parseEntry(bytes: Buffer, keyName: string): Entry | undefined {
  let name: string | undefined;
  let repeatable = false;
  let readOnly = false;
  let headerParams: Entry["headerParams"];
  const nameSpan = { start: -1, end: -1 };
  for (let key = firstMember(bytes, 0, DEFAULT_MAX_DEPTH); key !== -1; ) {
    const keyEnd = skipString(bytes, key);
    const value = valueOfMember(bytes, keyEnd);
    const end = skipValue(bytes, value, DEFAULT_MAX_DEPTH);
    if (bytes[value] === 0x22 && stringIs(bytes, key, keyEnd, keyName)) {
      name = readString(bytes, value, end);
      nameSpan.start = value;
      nameSpan.end = end;
    } else if (stringIs(bytes, key, keyEnd, "annotations")) {
      const hints = JSON.parse(bytes.toString("utf8", value, end)) as Record<string, unknown> | null;
      readOnly = hints?.["readOnlyHint"] === true;
      repeatable = readOnly || hints?.["idempotentHint"] === true;
    } else if (stringIs(bytes, key, keyEnd, "inputSchema")) {
      headerParams = parseHeaderParams(bytes.subarray(value, end));
    }
    key = nextMember(bytes, end);
  }
  return name === undefined ? undefined : { key: name, bytes, nameSpan, repeatable, readOnly, headerParams };
}
