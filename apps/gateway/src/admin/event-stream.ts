// What happened lately, with numbers, for whoever watches: `GET /api/events` as server-sent events that can be resumed.
import type { IncomingMessage, ServerResponse } from "node:http";

interface GatewayEvent {
  /** Counts from 1. */
  readonly sequence: number;
  /** ISO 8601. */
  readonly at: string;
  readonly type: string;
  readonly [fact: string]: unknown;
}

export interface EventStream {
  publish(type: string, facts: Readonly<Record<string, unknown>>): void;
  /** Newest last. */
  recent(): readonly GatewayEvent[];
  /** Calls `listener` for each event from now on; returns how to stop. */
  subscribe(listener: (event: GatewayEvent) => void): () => void;
  /** Answers with the stream; `Last-Event-ID` continues an earlier one. */
  serve(request: IncomingMessage, response: ServerResponse): void;
  close(): void;
}

const KEPT = 500;
const MAX_WATCHERS = 32;
/** What may wait for a slow watcher, in bytes. */
const MAX_BUFFERED = 1024 * 1024;
const KEEP_ALIVE_MS = 15_000;

export function createEventStream(): EventStream {
  const kept: GatewayEvent[] = [];
  const listeners = new Set<(event: GatewayEvent) => void>();
  const watchers = new Set<ServerResponse>();
  let sequence = 0;
  const timer = setInterval(() => {
    for (const watcher of watchers) watcher.write(":\n\n");
  }, KEEP_ALIVE_MS);
  timer.unref();

  return {
    publish(type, facts) {
      const event: GatewayEvent = { ...facts, sequence: ++sequence, at: new Date().toISOString(), type };
      kept.push(event);
      if (kept.length > KEPT) kept.shift();
      for (const listener of listeners) listener(event);
      for (const watcher of watchers) {
        // Who does not read loses the stream, and continues with Last-Event-ID.
        if (watcher.writableLength > MAX_BUFFERED) watcher.destroy();
        else watcher.write(print(event));
      }
    },
    recent: () => kept,
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    serve(request, response) {
      if (watchers.size >= MAX_WATCHERS) {
        response.writeHead(503, { "retry-after": "5" }).end();
        return;
      }
      const last = Number(request.headers["last-event-id"] ?? sequence);
      response.writeHead(200, {
        "content-type": "text/event-stream",
        "cache-control": "no-store, no-transform",
        "x-accel-buffering": "no",
        "x-content-type-options": "nosniff",
      });
      response.write(":\n\n");
      for (const event of kept) if (event.sequence > last) response.write(print(event));
      watchers.add(response);
      response.on("close", () => watchers.delete(response));
    },
    close() {
      clearInterval(timer);
      for (const watcher of watchers) watcher.end();
      watchers.clear();
    },
  };
}

function print(event: GatewayEvent): string {
  return `id: ${event.sequence}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
