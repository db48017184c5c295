// The streams of a session's calls that could break off before their answer: kept while the calls run, and for a while
// after they broke.
import type { Clock } from "@fairlead/core";
import { setTimerOn } from "../timer.ts";
import { createEventLog, type EventLog } from "./event-log.ts";

export interface ReplyStreams {
  /** For a response that becomes a stream. */
  open(): EventLog;
  get(number: number): EventLog | undefined;
  /** The client has all of it. */
  done(log: EventLog): void;
  /** The connection broke; the client may come back. */
  broke(log: EventLog): void;
  close(): void;
}

/** Broken streams that are kept for one session, and for how long, in milliseconds. */
const MAX_BROKEN = 8;
const KEPT_MS = 300_000;

export function createReplyStreams(clock: Clock): ReplyStreams {
  const logs = new Map<number, EventLog>();
  /** In the order in which they broke, with what ends their time. */
  const broken = new Map<EventLog, () => void>();
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
      if (!logs.has(log.number) || broken.has(log)) return;
      broken.set(
        log,
        setTimerOn(clock, () => forget(log), KEPT_MS),
      );
      for (const oldest of broken.keys()) {
        if (broken.size <= MAX_BROKEN) break;
        forget(oldest);
      }
    },
    close() {
      for (const log of [...logs.values()]) forget(log);
    },
  };

  function forget(log: EventLog): void {
    logs.delete(log.number);
    broken.get(log)?.();
    broken.delete(log);
  }
}
