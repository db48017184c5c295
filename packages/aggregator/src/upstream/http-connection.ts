// JSON-RPC over Streamable HTTP: one POST per message, answered by JSON or by an event stream; with a legacy server also
// a session, and one GET stream for what it says on its own account.
import { MODERN_PROTOCOL_VERSION } from "../era.ts";
import type { HttpClient, HttpResponseHandler } from "../http1/client.ts";
import { headerOf } from "../http1/headers.ts";
import { notificationMessage } from "../wire/reply.ts";
import { createSseParser } from "../wire/sse.ts";
import type {
  ConnectionListener,
  ConnectionOptions,
  UpstreamConnection,
  UpstreamExchange,
  UpstreamFailure,
} from "./connection.ts";
import { HttpExchange, type HttpExchangeOwner } from "./http-exchange.ts";
import { createPending } from "./pending.ts";
import { createServerRequests } from "./server-requests.ts";
import { notePosition, resumeStream, type StreamPosition, tellOfPause } from "./stream-resumption.ts";

export interface HttpConnectionOptions extends ConnectionOptions {
  /** Where requests go out; shared by all connections to the origin. */
  readonly client: HttpClient;
  /** Where streams that stay open go out: one for each session, so without a bound of its own. */
  readonly streamClient: HttpClient;
  /** Path and query of the MCP endpoint. */
  readonly path: string;
  /** Headers for every request, such as authorization. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface HttpConnection extends UpstreamConnection {
  /** Whether the server named a session. */
  readonly hasSession: boolean;
  /**
   * Sets the revision that later requests carry, and opens the GET stream; called after every legacy handshake. Resolves
   * when the stream stands, or will not; never rejects.
   */
  established(protocolVersion: string): Promise<void>;
  /** The server behind it has ended. */
  fail(failure: UpstreamFailure): void;
}

interface CallHeaders {
  readonly sessionId: string | undefined;
  readonly version: string | undefined;
  readonly list: readonly string[];
}

const NO_FIELDS: readonly string[] = [];
const STREAM_RETRY_MS = 1_000;
/** How long a session waits for its stream: some servers send no headers before the first event. */
const STREAM_WAIT_MS = 500;

export function createHttpConnection(
  listener: ConnectionListener,
  options: HttpConnectionOptions,
): HttpConnection {
  const { target, client, streamClient, path, maxMessageBytes } = options;
  const isModern = target.era === "modern";
  const ownHeaders = Object.entries(options.headers).flat();
  let closed = false;
  let sessionId: string | undefined;
  let protocolVersion: string | undefined = isModern ? MODERN_PROTOCOL_VERSION : undefined;
  let forCalls: CallHeaders | undefined;
  let retryTimer: NodeJS.Timeout | undefined;
  let abortStream: (() => void) | undefined;
  /** How far the session's own stream was read. */
  let ownStream: StreamPosition = { lastEventId: undefined, retryMs: undefined };
  const requests = createServerRequests(listener, (message) => void post(message));
  const pending = createPending<HttpExchange>(
    {
      onOther(message, envelope) {
        if (!requests.cancel(message, envelope)) listener.onServerNotification(message, envelope);
      },
      onRequest(message, envelope, exchange) {
        // Modern servers have no requests of their own, and take no answers.
        if (!isModern) requests.take(message, envelope, exchange);
      },
    },
    options,
  );

  const owner: HttpExchangeOwner = {
    maxMessageBytes,
    maxDepth: options.maxDepth,
    pending,
    onSession(id) {
      // Modern servers have no sessions; one that still names one is not told of it again.
      if (!isModern) sessionId ??= id;
    },
    onSessionLost,
    resume: (http, position, delayMs, onGivenUp) =>
      resumeStream(position, delayMs, {
        client: streamClient,
        path,
        maxEventBytes: maxMessageBytes,
        headers: () => requestHeaders("text/event-stream"),
        onEvent: (data) => void pending.deliver(data, http.id),
        onEnd: () => tellOfPause(http.exchange, position),
        isWanted: () => !closed && pending.has(http.id),
        onGivenUp,
      }),
  };

  return {
    target,
    get isOpen() {
      return !closed;
    },
    get inFlight() {
      return pending.size;
    },
    get lastHeardAt() {
      return pending.lastHeardAt;
    },
    send(exchange) {
      const http = new HttpExchange(owner, exchange, sessionId);
      const id = pending.add(http);
      http.id = id;
      if (closed) {
        const failure: UpstreamFailure = {
          executed: "no",
          kind: "closed",
          message: "the connection is closed",
        };
        queueMicrotask(() => pending.take(id)?.exchange.onFailure(failure));
        return id;
      }
      const headers = exchangeHeaders(exchange);
      client.dispatch({ path, method: "POST", headers, body: exchange.encode(id, target) }, http);
      return id;
    },
    cancel(id, reason) {
      const http = pending.take(id);
      if (http === undefined) return;
      // 2026-07-28: closing the stream is the cancellation. 2025-11-25: it does not cancel, the notification does, and
      // then the stream is of no more use.
      if (!isModern) void post(notificationMessage("notifications/cancelled", { requestId: id, reason }));
      http.abort();
    },
    notify: post,
    fail: goDown,
    async close() {
      if (closed) return;
      stop();
      pending.failAll({ executed: "maybe", kind: "closed", message: "the gateway closed the connection" });
      if (sessionId !== undefined) await endSession();
    },
    get hasSession() {
      return sessionId !== undefined;
    },
    established(version) {
      protocolVersion = version;
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, STREAM_WAIT_MS);
        openStream(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    },
  };

  function requestHeaders(accept = "application/json, text/event-stream"): string[] {
    const list = ["content-type", "application/json", "accept", accept];
    if (sessionId !== undefined) list.push("mcp-session-id", sessionId);
    if (protocolVersion !== undefined) list.push("mcp-protocol-version", protocolVersion);
    for (const field of ownHeaders) list.push(field);
    return list;
  }

  /** The same array as long as nothing changes, which saves the client from printing them again. */
  function callHeaders(): readonly string[] {
    if (forCalls === undefined || forCalls.sessionId !== sessionId || forCalls.version !== protocolVersion)
      forCalls = { sessionId, version: protocolVersion, list: requestHeaders() };
    return forCalls.list;
  }

  /** With the trace that a request belongs to, and what intermediaries and modern servers compare with the body. */
  function exchangeHeaders(exchange: UpstreamExchange): readonly string[] {
    const trace = exchange.traceFields?.() ?? NO_FIELDS;
    if (!isModern && trace.length === 0) return callHeaders();
    const list = requestHeaders();
    for (const field of trace) list.push(field);
    if (!isModern) return list;
    list.push("mcp-method", exchange.method);
    for (const field of exchange.headers?.() ?? NO_FIELDS) list.push(field);
    return list;
  }

  /** Sends a message that gets no answer of its own; what becomes of it shows in the next exchange. */
  function post(message: Buffer): Promise<void> {
    return closed ? Promise.resolve() : exchange("POST", 10_000, message);
  }

  function endSession(): Promise<void> {
    return exchange("DELETE", 1_000);
  }

  /** One request whose response only has to end. */
  function exchange(method: "POST" | "DELETE", timeoutMs: number, body?: Buffer): Promise<void> {
    return new Promise((resolve) => {
      const request = { path, method, headers: requestHeaders(), body, timeoutMs };
      client.dispatch(request, ignoreResponse(resolve));
    });
  }

  /** The server's own messages; a server without such a stream answers 405, and that is fine. */
  function openStream(onOpen: () => void = () => {}): void {
    if (closed) {
      onOpen();
      return;
    }
    const parser = createSseParser({
      maxEventBytes: maxMessageBytes,
      onEvent: (data) => void pending.deliver(data),
      onField: (name, value) => notePosition(ownStream, name, value),
      onOversize: () => {},
    });
    let isStream = false;
    const streamSession = sessionId;
    streamClient.dispatch(
      {
        path,
        method: "GET",
        headers: [
          ...requestHeaders("text/event-stream"),
          ...(ownStream.lastEventId === undefined ? [] : ["last-event-id", ownStream.lastEventId]),
        ],
      },
      {
        onRequestStart(control) {
          abortStream = () => control.abort(new Error("closed"));
          if (closed) abortStream();
        },
        onResponseStart(_control, status, responseHeaders) {
          isStream =
            status === 200 &&
            (headerOf(responseHeaders, "content-type") ?? "").startsWith("text/event-stream");
          if (status === 404) onSessionLost(streamSession);
          else if (!isStream && ownStream.lastEventId !== undefined) {
            // It does not know the event any more: from here on, then.
            ownStream = { lastEventId: undefined, retryMs: undefined };
            reopenLater(streamSession);
          }
          onOpen();
        },
        onResponseData(_control, chunk) {
          if (isStream) parser.push(chunk);
        },
        onResponseEnd() {
          if (isStream) reopenLater(streamSession);
        },
        onResponseError() {
          onOpen();
          reopenLater(streamSession);
        },
      },
    );
  }

  function reopenLater(session: string | undefined): void {
    if (closed || session !== sessionId) return;
    // A broken stream often is the first sign of a server that has ended.
    listener.onStreamBroken?.();
    retryTimer = setTimeout(() => openStream(), STREAM_RETRY_MS);
    retryTimer.unref();
  }

  function stop(): void {
    closed = true;
    clearTimeout(retryTimer);
    abortStream?.();
    requests.end();
  }

  /** Only the session is lost, not what runs: calls under way have streams of their own, and may still be answered. */
  function onSessionLost(lost: string | undefined): void {
    if (closed || lost === undefined || lost !== sessionId) return;
    sessionId = undefined;
    protocolVersion = undefined;
    ownStream = { lastEventId: undefined, retryMs: undefined };
    clearTimeout(retryTimer);
    abortStream?.();
    listener.onDown({
      executed: "no",
      kind: "session-lost",
      message: "the server no longer knows the session",
    });
  }

  function goDown(failure: UpstreamFailure): void {
    if (closed) return;
    stop();
    for (const http of pending.entries()) http.abort();
    pending.failAll(failure);
    listener.onDown(failure);
  }
}

function ignoreResponse(done: () => void): HttpResponseHandler {
  return {
    onRequestStart() {},
    onResponseStart() {},
    onResponseData() {},
    onResponseEnd: done,
    onResponseError: done,
  };
}
