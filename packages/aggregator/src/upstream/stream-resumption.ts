// Reads on where a legacy server's event stream broke off: GET with `Last-Event-ID` (2025-11-25, "Resumability and
// Redelivery"). Servers also end streams on purpose, and expect their clients back after `retry` milliseconds.
import type { HttpClient } from "../http1/client.ts";
import { headerOf } from "../http1/headers.ts";
import { createSseParser } from "../wire/sse.ts";
import type { UpstreamExchange } from "./connection.ts";

/** How far a stream was read. */
export interface StreamPosition {
  lastEventId: string | undefined;
  /** How long the server asks to wait before coming back, in milliseconds. */
  retryMs: number | undefined;
}

export interface StreamResumptionOptions {
  readonly client: HttpClient;
  readonly path: string;
  readonly maxEventBytes: number;
  /** Headers of every request of the session. */
  headers(): string[];
  onEvent(data: Buffer): void;
  /** A stream has ended, and the next one will be asked for. */
  onEnd(): void;
  /** Whether what is missing is still waited for. */
  isWanted(): boolean;
  /** The stream cannot be read on. */
  onGivenUp(): void;
}

/** Shortest and longest time that a server may ask to be waited for. */
const MIN_RETRY_MS = 5;
const MAX_RETRY_MS = 10_000;
const DEFAULT_RETRY_MS = 1_000;
/** Streams in a row that brought nothing. */
const MAX_EMPTY = 5;

/**
 * Resumes until what is missing has come, or the server refuses. @param delayMs before the first try; after a break there
 * is no reason to wait
 * @returns how to end it
 */
export function resumeStream(
  position: StreamPosition,
  delayMs: number | undefined,
  options: StreamResumptionOptions,
): () => void {
  let empty = 0;
  let abort: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;
  later(delayMs);
  return () => {
    clearTimeout(timer);
    abort?.();
  };

  function later(waitMs = retryMsOf(position) ?? DEFAULT_RETRY_MS): void {
    timer = setTimeout(open, waitMs);
    timer.unref();
  }

  function open(): void {
    if (!options.isWanted()) return;
    let hasBrought = false;
    let isStream = false;
    const parser = createSseParser({
      maxEventBytes: options.maxEventBytes,
      // A server that says where it is, or when to come back, is at work.
      onField(name, value) {
        hasBrought = true;
        notePosition(position, name, value);
      },
      onEvent(data) {
        hasBrought = true;
        options.onEvent(data);
      },
      onOversize: options.onGivenUp,
    });
    options.client.dispatch(
      {
        path: options.path,
        method: "GET",
        headers: [...options.headers(), "last-event-id", position.lastEventId ?? ""],
      },
      {
        onRequestStart(control) {
          abort = () => control.abort(new Error("closed"));
          if (!options.isWanted()) abort();
        },
        onResponseStart(_control, status, headers) {
          const type = headerOf(headers, "content-type") ?? "";
          isStream = status === 200 && type.startsWith("text/event-stream");
          if (!isStream) options.onGivenUp();
        },
        onResponseData(control, chunk) {
          if (isStream) parser.push(chunk);
          // Some servers keep the stream open although nothing more will come on it.
          if (!options.isWanted()) control.abort(new Error("the answer has come"));
        },
        onResponseEnd() {
          if (!options.isWanted()) return;
          empty = hasBrought ? 0 : empty + 1;
          if (empty >= MAX_EMPTY) {
            options.onGivenUp();
            return;
          }
          options.onEnd();
          later();
        },
        onResponseError() {
          if (options.isWanted()) options.onGivenUp();
        },
      },
    );
  }
}

/** Tells who waits that the server said when it is to be asked again. */
export function tellOfPause(exchange: UpstreamExchange, position: StreamPosition): void {
  const retryMs = retryMsOf(position);
  if (retryMs !== undefined) exchange.onPause?.(retryMs);
}

function retryMsOf({ retryMs }: StreamPosition): number | undefined {
  return retryMs === undefined ? undefined : Math.min(Math.max(retryMs, MIN_RETRY_MS), MAX_RETRY_MS);
}

/** Notes what a field of an event stream says about the position in it. */
export function notePosition(position: StreamPosition, name: "event" | "id" | "retry", value: string): void {
  // An id with a NUL in it is none (WHATWG HTML), and header fields take visible ASCII only.
  if (name === "id") position.lastEventId = /^[\x21-\x7e]{1,1024}$/.test(value) ? value : undefined;
  else if (name === "retry" && /^\d{1,9}$/.test(value)) position.retryMs = Number(value);
}
