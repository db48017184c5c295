// The streams of a session's calls that a client may come back to: kept while the calls run, and for a while after an
// answer came that its client was not there to take.
import type { Clock } from "@fairlead/core";
import { AggregatorError } from "../errors.ts";
import { setTimerOn } from "../timer.ts";
import { scanEnvelope } from "../wire/envelope.ts";
import { failureMessage } from "../wire/reply.ts";
import { createEventLog, type EventLog } from "./event-log.ts";

export interface ReplyStreams {
  /** For a response that becomes a stream. */
  open(): EventLog;
  get(number: number): EventLog | undefined;
  /** The client has all of it, or wants nothing more of it. */
  done(log: EventLog): void;
  /** The connection is gone; the client may come back. */
  broke(log: EventLog): void;
  /** The answer, whose client is away. */
  answer(log: EventLog, message: Buffer): void;
  close(): void;
}

/** What the answers of all sessions that wait for their clients share. */
export interface WaitingRoom {
  /** Bytes that are left. */
  bytes: number;
  /** Answers to clients that were told to come back for them. */
  expected: number;
}

/** Room for answers that wait: a client that is away for long, or many of them, must not fill the memory. */
export const createWaitingRoom = (bytes: number = 64 * 1024 * 1024): WaitingRoom => ({ bytes, expected: 0 });

interface Waiting {
  readonly bytes: number;
  readonly isExpected: boolean;
  readonly cancelTimer: () => void;
}

/** Answers of one session that wait for its client, and for how long, in milliseconds. */
const MAX_WAITING = 64;
const KEPT_MS = 300_000;

export function createReplyStreams(clock: Clock, room: WaitingRoom): ReplyStreams {
  const logs = new Map<number, EventLog>();
  /** Streams of calls that are over, in the order in which they ended. */
  const waiting = new Map<EventLog, Waiting>();
  /** 0 is the session's own stream. */
  let lastNumber = 0;

  return {
    open() {
      const log = createEventLog(++lastNumber);
      logs.set(log.number, log);
      return log;
    },
    get: (number) => logs.get(number),
    done: forget,
    broke(log) {
      // Of a call that runs, nothing is to be done before its answer comes.
      if (log.hasEnded) keep(log, 0);
    },
    answer(log, message) {
      const hasRoom = message.length <= room.bytes;
      log.answer(hasRoom ? message : noRoomFor(message));
      keep(log, hasRoom ? message.length : 0);
    },
    close() {
      for (const log of [...logs.values()]) {
        forget(log);
        log.end();
      }
    },
  };

  function keep(log: EventLog, bytes: number): void {
    if (!logs.has(log.number) || waiting.has(log)) return;
    const isExpected = log.isPaused;
    const cancelTimer = setTimerOn(clock, () => forget(log), KEPT_MS);
    waiting.set(log, { bytes, isExpected, cancelTimer });
    room.bytes -= bytes;
    if (isExpected) room.expected++;
    for (const oldest of waiting.keys()) {
      if (waiting.size <= MAX_WAITING) break;
      forget(oldest);
    }
  }

  function forget(log: EventLog): void {
    logs.delete(log.number);
    const entry = waiting.get(log);
    if (entry === undefined) return;
    waiting.delete(log);
    entry.cancelTimer();
    room.bytes += entry.bytes;
    if (entry.isExpected) room.expected--;
  }
}

/** What the client finds in the place of its answer. */
function noRoomFor(answer: Buffer): Buffer {
  const { start, end } = scanEnvelope(answer).id;
  const text = `The answer of ${answer.length} bytes came while the client was away, and too many others wait already.`;
  const error = new AggregatorError("OUTCOME_UNKNOWN", text, { outcome: "unknown" });
  return failureMessage(answer.subarray(start, end), error);
}
