// The events of one stream, numbered and kept for a while, so that a client whose connection broke can read on from the
// last one that it has seen (2025-11-25, "Resumability and Redelivery").
import { toSseEvent, toSseMark } from "../wire/sse.ts";

/** Where events go while somebody reads. */
export interface EventReader {
  send(event: Buffer): void;
  /** The stream has come to its end. */
  end(): void;
}

export interface EventLog {
  /** Tells the stream apart from the session's others; the first part of its events' ids. */
  readonly number: number;
  readonly hasEnded: boolean;
  /** Whether its client was told to come back for the rest. */
  readonly isPaused: boolean;
  /** An event without a message: where the stream is, for a client that breaks off here. */
  mark(): Buffer;
  /** The same, for who is to break off here and to come back after `retryMs`; whoever reads is sent away with it. */
  pause(retryMs: number): Buffer;
  /** Numbers a message; returns it as an event. `isSeen` is whether it is sent to somebody right now. */
  add(message: Buffer, isSeen: boolean): Buffer;
  /** The last message, which is kept whatever its length; and the end. */
  answer(message: Buffer): void;
  /** Nothing comes behind this; who reads is told so. */
  end(): void;
  /** Hands over what came behind an event, or what nobody has seen, and then what comes. Returns how to stop that. */
  read(after: number | undefined, reader: EventReader): () => void;
}

/** What is kept of one stream. */
const MAX_EVENTS = 64;
const MAX_BYTES = 64 * 1024;

interface Kept {
  readonly number: number;
  readonly event: Buffer;
  isSeen: boolean;
}

export function createEventLog(number: number): EventLog {
  let kept: Kept[] = [];
  let bytes = 0;
  let last = 0;
  let hasEnded = false;
  let isPaused = false;
  const readers = new Set<EventReader>();

  return {
    number,
    get hasEnded() {
      return hasEnded;
    },
    get isPaused() {
      return isPaused;
    },
    mark: () => toSseMark(`${number}-${last}`),
    pause(retryMs) {
      isPaused = true;
      const event = toSseMark(`${number}-${last}`, retryMs);
      for (const reader of [...readers]) {
        reader.send(event);
        reader.end();
      }
      return event;
    },
    add: (message, isSeen) => add(message, isSeen).event,
    answer(message) {
      const entry = add(message, false);
      if (kept.at(-1) !== entry) kept.push(entry);
      end();
    },
    end,
    read(after, reader) {
      // The session's own stream may have several readers; a call has one client, which has come back.
      if (number !== 0) for (const other of [...readers]) other.end();
      readers.add(reader);
      for (const entry of kept) {
        if (after === undefined ? entry.isSeen : entry.number <= after) continue;
        entry.isSeen = true;
        reader.send(entry.event);
      }
      if (hasEnded) reader.end();
      return () => void readers.delete(reader);
    },
  };

  function add(message: Buffer, isSeen: boolean): Kept {
    last++;
    const event = toSseEvent(message, `${number}-${last}`);
    const reader = [...readers].at(-1);
    const entry = { number: last, event, isSeen: isSeen || reader !== undefined };
    keep(entry);
    reader?.send(event);
    return entry;
  }

  function end(): void {
    hasEnded = true;
    for (const reader of [...readers]) reader.end();
  }

  /** What somebody has seen makes room; what nobody has seen does not: who missed it learns of that by what is there. */
  function keep(entry: Kept): void {
    while (isFull(entry)) {
      const at = kept.findIndex(({ isSeen }) => isSeen);
      if (at === -1) return;
      bytes -= kept[at]?.event.length ?? 0;
      kept = kept.toSpliced(at, 1);
    }
    kept.push(entry);
    bytes += entry.event.length;
  }

  function isFull({ event }: Kept): boolean {
    return kept.length >= MAX_EVENTS || bytes + event.length > MAX_BYTES;
  }
}

/** The number of the stream and that of the event; undefined when it is not one of the gateway's ids. */
export function parseEventId(id: string): { readonly stream: number; readonly event: number } | undefined {
  const [, stream, event] = /^(\d{1,15})-(\d{1,15})$/.exec(id) ?? [];
  return stream === undefined ? undefined : { stream: Number(stream), event: Number(event) };
}
