// Server-sent events (WHATWG HTML, "Server-sent events"): an incremental parser over bytes, and the writer's framing.
import { createLineSplitter, type LinePartSink } from "./lines.ts";
import { toSingleLine } from "./splice.ts";

export interface SseParserOptions {
  /** Longest event that is delivered, in bytes. */
  readonly maxEventBytes: number;
  readonly onEvent: (data: Buffer) => void;
  /** An event has become long; see {@link LineSplitterOptions.onLongLine}. The sink's `end` is the event's. */
  readonly onLongEvent?: (head: Buffer) => LinePartSink | undefined;
  readonly onOversize: () => void;
  /** A field beside the data, told when its line has come. */
  readonly onField?: (name: "event" | "id" | "retry", value: string) => void;
}

export interface SseParser {
  push(chunk: Buffer): void;
}

const COLON = 0x3a;
const SPACE = 0x20;
/** Longest line of a field other than `data` that is looked at. */
const MAX_FIELD_BYTES = 4 * 1024;
const LINE_FEED = Buffer.from("\n");

/** Parses an event stream; only `data` matters to MCP, and an event without data is not delivered. */
export function createSseParser(options: SseParserOptions): SseParser {
  const { maxEventBytes, onEvent, onLongEvent, onOversize, onField } = options;
  let data: Buffer[] = [];
  let bytes = 0;
  let broken = false;
  let sink: LinePartSink | undefined;
  const lines = createLineSplitter({
    maxLineBytes: maxEventBytes,
    carriageReturns: true,
    onLine,
    ...(onLongEvent === undefined ? {} : { onLongLine }),
    onOversize: () => {
      broken = true;
    },
  });
  return { push: lines.push };

  function onLongLine(head: Buffer): LinePartSink | undefined {
    const value = dataOf(head);
    // Long events of more than one line are whole ones; nobody prints JSON like that.
    if (value === undefined || broken || data.length > 0 || sink !== undefined) return undefined;
    const taken = onLongEvent?.(value);
    if (taken === undefined) return undefined;
    sink = taken;
    return { part: (part) => taken.part(part), end: () => {} };
  }

  function onLine(line: Buffer): void {
    if (line.length === 0) {
      dispatch();
      return;
    }
    const value = dataOf(line);
    if (value === undefined && onField !== undefined) noteField(line, onField);
    if (value === undefined || broken) return;
    if (sink !== undefined) {
      sink.part(LINE_FEED);
      sink.part(value);
      return;
    }
    bytes += value.length;
    if (bytes > maxEventBytes) {
      broken = true;
      data = [];
      return;
    }
    data.push(value);
  }

  function dispatch(): void {
    const parts = data;
    const wasBroken = broken;
    const ended = sink;
    sink = undefined;
    data = [];
    bytes = 0;
    broken = false;
    if (ended !== undefined) ended.end();
    else if (wasBroken) onOversize();
    else if (parts.length === 1 && parts[0] !== undefined && parts[0].length > 0) onEvent(parts[0]);
    else if (parts.length > 1)
      onEvent(Buffer.concat(parts.flatMap((part, at) => (at === 0 ? [part] : [LINE_FEED, part]))));
  }
}

/** The value of a `data` field line, or undefined for any other line. */
function dataOf(line: Buffer): Buffer | undefined {
  if (line.length < 4 || line.toString("latin1", 0, 4) !== "data") return undefined;
  if (line.length === 4) return Buffer.alloc(0);
  if (line[4] !== COLON) return undefined;
  return line.subarray(line[5] === SPACE ? 6 : 5);
}

function noteField(line: Buffer, onField: NonNullable<SseParserOptions["onField"]>): void {
  if (line.length > MAX_FIELD_BYTES) return;
  const text = line.toString("utf8");
  const colon = text.indexOf(":");
  if (colon === -1) return;
  const name = text.slice(0, colon);
  if (name === "event" || name === "id" || name === "retry")
    onField(name, text.slice(text[colon + 1] === " " ? colon + 2 : colon + 1));
}

/** What stands before and behind a message that is an event. */
export const EVENT_HEAD: Buffer = Buffer.from("event: message\ndata: ");
export const EVENT_TAIL: Buffer = Buffer.from("\n\n");

/** An event without a message, for a client to read on behind; with `retryMs` the time after which it should. */
export function toSseMark(id: string, retryMs?: number): Buffer {
  return Buffer.from(`${retryMs === undefined ? "" : `retry: ${retryMs}\n`}id: ${id}\ndata: \n\n`);
}

/** Frames one JSON-RPC message as an event; with an id, a client can read on behind it. */
export function toSseEvent(message: Buffer, id?: string): Buffer {
  const parts = [EVENT_HEAD, toSingleLine(message), EVENT_TAIL];
  return Buffer.concat(id === undefined ? parts : [Buffer.from(`id: ${id}\n`), ...parts]);
}
