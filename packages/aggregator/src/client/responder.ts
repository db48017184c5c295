// The answer to one POST: plain JSON when the first thing to say is the answer, an event stream once something comes
// before it.
import type { ServerResponse } from "node:http";
import { toSseEvent } from "../wire/sse.ts";
import type { Responder } from "./exchange.ts";

export interface ResponderOptions {
  /** Whether the client takes an event stream; otherwise notifications are left out. */
  readonly acceptsStream: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the connection ends with this response, as while draining. */
  readonly lastOnConnection: () => boolean;
  readonly keepAlive: KeepAlive;
}

/** Sends comments on quiet event streams, so that nobody between takes them for dead. */
export interface KeepAlive {
  add(response: ServerResponse): void;
  remove(response: ServerResponse): void;
  close(): void;
}

/** What may wait for a slow reader of an event stream, in bytes. */
export const MAX_BUFFERED_BYTES: number = 1024 * 1024;
const KEEP_ALIVE_MS = 15_000;
const COMMENT = ":\n\n";

export function createResponder(response: ServerResponse, options: ResponderOptions): Responder {
  const { acceptsStream, headers, lastOnConnection, keepAlive } = options;
  let streaming = false;

  return {
    reply(message, status = 200) {
      if (streaming) {
        keepAlive.remove(response);
        response.end(toSseEvent(message));
        return;
      }
      const length = String(message.length);
      response.writeHead(status, {
        ...common(),
        "content-type": "application/json",
        "content-length": length,
      });
      response.end(message);
    },
    notify(message) {
      if (!acceptsStream || response.writableEnded || response.destroyed) return;
      if (!streaming) openStream();
      if (response.writableLength < MAX_BUFFERED_BYTES) response.write(toSseEvent(message));
    },
    drop() {
      // A cancelled request gets no answer: an empty stream, or an empty acceptance for who takes no stream.
      keepAlive.remove(response);
      if (!streaming)
        response.writeHead(
          acceptsStream ? 200 : 202,
          acceptsStream ? { ...common(), ...STREAM_HEADERS } : common(),
        );
      response.end();
    },
  };

  function openStream(): void {
    streaming = true;
    response.writeHead(200, { ...common(), ...STREAM_HEADERS });
    response.flushHeaders();
    keepAlive.add(response);
  }

  function common(): Record<string, string> {
    return { ...headers, ...(lastOnConnection() ? { connection: "close" } : {}) };
  }
}

/** Headers of every event stream; proxies must neither store nor delay it. */
export const STREAM_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

export function createKeepAlive(): KeepAlive {
  const open = new Set<ServerResponse>();
  const timer = setInterval(() => {
    for (const response of open) {
      if (response.writableLength === 0) response.write(COMMENT);
    }
  }, KEEP_ALIVE_MS);
  timer.unref();
  return {
    add: (response) => void open.add(response),
    remove: (response) => void open.delete(response),
    close() {
      clearInterval(timer);
      open.clear();
    },
  };
}
