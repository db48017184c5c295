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
}

export type Lists = Readonly<Record<ListKind, readonly Entry[]>>;

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

export const EMPTY_LISTS: Lists = { tools: [], resources: [], resourceTemplates: [], prompts: [] };

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
  return Object.fromEntries(LIST_KINDS.map((kind, at) => [kind, lists[at] ?? []])) as unknown as Lists;
}

/** Reads one list. @throws {@link ControlError} */
export async function fetchList(
  connection: UpstreamConnection,
  kind: ListKind,
  { capabilities, timeoutMs, clock }: FetchListsOptions,
): Promise<readonly Entry[]> {
  const { method, capability } = LIST_METHODS[kind];
  if (capabilities[capability] === undefined) return [];
  const entries: Entry[] = [];
  const seen = new Set<string>();
  let cursor: string | undefined;
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
      if (error instanceof ControlError && error.rpcCode === METHOD_NOT_FOUND) return entries;
      throw error;
    }
    const { items, nextCursor } = parsePage(answer, kind);
    for (const entry of items) {
      if (seen.has(entry.key)) continue;
      seen.add(entry.key);
      entries.push(entry);
    }
    if (entries.length > MAX_ENTRIES) throw new ControlError(`lists more than ${MAX_ENTRIES} ${kind}`);
    if (nextCursor === undefined) return entries;
    cursor = nextCursor;
  }
  throw new ControlError(`lists its ${kind} on more than ${MAX_PAGES} pages`);
}

function parsePage(
  { message, result }: ControlAnswer,
  kind: ListKind,
): { items: Entry[]; nextCursor: string | undefined } {
  const items: Entry[] = [];
  let nextCursor: string | undefined;
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
    }
    key = nextMember(message, end);
  }
  return { items, nextCursor };
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
      repeatable = hints?.["readOnlyHint"] === true || hints?.["idempotentHint"] === true;
    }
    key = nextMember(bytes, end);
  }
  return name === undefined ? undefined : { key: name, bytes, nameSpan, repeatable };
}
