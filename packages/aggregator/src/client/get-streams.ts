// GET on a session: its own stream, for what answers no request, and what is left of the streams of its calls.
import type { ServerResponse } from "node:http";
import { type EventReader, parseEventId } from "./event-log.ts";
import type { Gate } from "./gate.ts";
import { MAX_BUFFERED_BYTES, type ResponderFront, STREAM_HEADERS } from "./responder.ts";
import type { HttpSession } from "./sessions.ts";

export interface GetStreamsOptions {
  readonly front: ResponderFront;
  readonly gate: Gate | undefined;
  refuse(response: ServerResponse, status: number, text: string, headers?: Record<string, string>): void;
}

export interface GetStreams {
  /** Opens the stream that `lastEventId` is of, or the session's own. */
  open(session: HttpSession, response: ServerResponse, lastEventId: string): void;
  /** Ends the sessions' own streams. */
  end(): void;
}

/** Streams of its own that one session may have open. */
const MAX_STREAMS = 4;

export function createGetStreams({ front, gate, refuse }: GetStreamsOptions): GetStreams {
  const own = new Set<() => void>();

  return {
    open(session, response, lastEventId) {
      const from = parseEventId(lastEventId);
      if (from !== undefined && from.stream !== 0) openReply(session, response, from);
      else openOwn(session, response, from?.event);
    },
    end() {
      for (const end of [...own]) end();
    },
  };

  /** The rest of a call's answer. It counts as the call does, and like it may come to its end before a shutdown. */
  function openReply(
    session: HttpSession,
    response: ServerResponse,
    { stream: number, event }: { readonly stream: number; readonly event: number },
  ): void {
    const log = session.replies.get(number);
    if (log === undefined) {
      refuse(response, 400, "The event of Last-Event-ID is not known any more; open a stream without it");
      return;
    }
    response.on("close", () => {
      if (log.hasEnded && response.writableFinished) session.replies.done(log);
    });
    stream(session, response, (reader) => log.read(event, reader));
  }

  function openOwn(session: HttpSession, response: ServerResponse, after: number | undefined): void {
    if (front.draining) {
      refuse(response, 503, "The gateway is shutting down");
      return;
    }
    if (session.streams.size >= MAX_STREAMS) {
      refuse(response, 409, "The session has too many streams open");
      return;
    }
    const pass = gate?.admitStream?.(session.caller);
    if (typeof pass === "object") {
      const { status, message, retryAfterMs = 1_000 } = pass.refuse;
      refuse(response, status, message, { "retry-after": String(Math.ceil(retryAfterMs / 1_000)) });
      return;
    }
    const end = (): void => void response.end();
    own.add(end);
    response.on("close", () => {
      own.delete(end);
      pass?.();
    });
    stream(session, response, (reader) => session.attach(reader, after));
  }

  function stream(
    session: HttpSession,
    response: ServerResponse,
    read: (reader: EventReader) => () => void,
  ): void {
    const { keepAlive } = front;
    response.writeHead(200, { ...STREAM_HEADERS, "mcp-session-id": session.id });
    response.flushHeaders();
    keepAlive.add(response);
    const stop = read({
      send: (event) => {
        // A reader that is a megabyte behind will not catch up; when it reconnects, it lists anew.
        if (response.writableLength > MAX_BUFFERED_BYTES) response.destroy();
        else response.write(event);
      },
      end: () => void response.end(),
    });
    response.on("close", () => {
      keepAlive.remove(response);
      stop();
    });
  }
}
