// JSON-RPC over HTTP+SSE, the transport of revision 2024-11-05: one event stream for all that the server says, whose first
// event names the URL that messages are posted to. The stream is the session.

import type { HttpClient } from "../http1/client.ts";
import { headerOf } from "../http1/headers.ts";
import { notificationMessage } from "../wire/reply.ts";
import { wholeOf } from "../wire/splice.ts";
import { createSseParser } from "../wire/sse.ts";
import type {
  ConnectionListener,
  ConnectionOptions,
  UpstreamConnection,
  UpstreamFailure,
} from "./connection.ts";
import { ControlError } from "./control.ts";
import { describeError } from "./http-exchange.ts";
import { createPending, type PendingEntry } from "./pending.ts";
import { LEGACY_TARGET } from "./request-target.ts";
import { createServerRequests } from "./server-requests.ts";

export interface SseConnectionOptions extends Omit<ConnectionOptions, "target"> {
  readonly url: URL;
  /** Where messages go out. */
  readonly client: HttpClient;
  /** Where streams that stay open go out. */
  readonly streamClient: HttpClient;
  /** Headers for every request, such as authorization. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface SseConnection extends UpstreamConnection {
  /** Opens the stream; resolves when the server has named its endpoint. @throws {@link ControlError} */
  open(timeoutMs: number): Promise<void>;
  /** Sets the revision that later requests carry. */
  established(protocolVersion: string): void;
  /** The server behind it has ended. */
  fail(failure: UpstreamFailure): void;
}

const POST_TIMEOUT_MS = 10_000;

export function createSseConnection(
  listener: ConnectionListener,
  options: SseConnectionOptions,
): SseConnection {
  const { url, client, streamClient, maxMessageBytes } = options;
  const ownHeaders = Object.entries(options.headers).flat();
  let closed = false;
  let endpoint: string | undefined;
  let protocolVersion: string | undefined;
  let abortStream: (() => void) | undefined;
  /** Told how the opening went, while it is not known. */
  let opening: ((failure: UpstreamFailure | undefined) => void) | undefined;
  const requests = createServerRequests(listener, (message) => void post(message));
  const pending = createPending<PendingEntry>(
    {
      onOther(message, envelope) {
        if (!requests.cancel(message, envelope)) listener.onServerNotification(message, envelope);
      },
      onRequest: requests.take,
    },
    options,
  );

  return {
    target: LEGACY_TARGET,
    get isOpen() {
      return !closed;
    },
    get inFlight() {
      return pending.size;
    },
    get lastHeardAt() {
      return pending.lastHeardAt;
    },
    open(timeoutMs) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          opening?.({ executed: "no", kind: "transport", message: "the server named no endpoint in time" });
          stop();
        }, timeoutMs);
        opening = (failure) => {
          opening = undefined;
          clearTimeout(timer);
          if (failure === undefined) resolve();
          else reject(new ControlError(failure.message, { failure }));
        };
        openStream();
      });
    },
    established(version) {
      protocolVersion = version;
    },
    send(exchange) {
      const id = pending.add({ exchange });
      const fail = (failure: UpstreamFailure): void => pending.take(id)?.exchange.onFailure(failure);
      if (closed || endpoint === undefined) {
        queueMicrotask(() => fail({ executed: "no", kind: "closed", message: "the connection is closed" }));
      } else {
        const message = wholeOf(exchange.encode(id, LEGACY_TARGET));
        void post(message, exchange.traceFields?.()).then((failure) => failure && fail(failure));
      }
      return id;
    },
    cancel(id, reason) {
      if (pending.take(id) === undefined) return;
      void post(notificationMessage("notifications/cancelled", { requestId: id, reason }));
    },
    async notify(message) {
      await post(message);
    },
    fail: goDown,
    close() {
      if (!closed) {
        stop();
        pending.failAll({ executed: "maybe", kind: "closed", message: "the gateway closed the connection" });
      }
      return Promise.resolve();
    },
  };

  function openStream(): void {
    let isStream = false;
    let event = "message";
    const parser = createSseParser({
      maxEventBytes: maxMessageBytes,
      onField(name, value) {
        if (name === "event") event = value;
      },
      onEvent(data) {
        const isEndpoint = event === "endpoint";
        event = "message";
        if (isEndpoint) takeEndpoint(data.toString("utf8"));
        else pending.deliver(data);
      },
      onOversize: () => {
        event = "message";
      },
    });
    const refused = (message: string, status: number): void =>
      opening?.({ executed: "no", kind: "refused", message, status });
    streamClient.dispatch(
      {
        path: `${url.pathname}${url.search}`,
        method: "GET",
        headers: ["accept", "text/event-stream", "cache-control", "no-cache", ...ownHeaders],
      },
      {
        onRequestStart(control) {
          abortStream = () => control.abort(new Error("closed"));
          if (closed) abortStream();
        },
        onResponseStart(_control, status, responseHeaders) {
          const type = headerOf(responseHeaders, "content-type") ?? "";
          isStream = status === 200 && type.startsWith("text/event-stream");
          if (!isStream)
            refused(`the server answered GET with HTTP ${status}, and not with an event stream`, status);
        },
        onResponseData(_control, chunk) {
          if (isStream) parser.push(chunk);
        },
        onResponseEnd() {
          broken("the server's event stream ended");
        },
        onResponseError(error) {
          broken(`the server's event stream broke: ${describeError(error)}`);
        },
      },
    );
  }

  /** Messages carry the headers of the configuration, so they go to no other origin than the one it names. */
  function takeEndpoint(text: string): void {
    const named = URL.canParse(text, url.href) ? new URL(text, url) : undefined;
    if (named === undefined || named.origin !== url.origin) {
      const message = `the server named an endpoint that is not at ${url.origin}`;
      opening?.({ executed: "no", kind: "protocol", message });
      stop();
      return;
    }
    endpoint = `${named.pathname}${named.search}`;
    opening?.(undefined);
  }

  function broken(message: string): void {
    if (opening === undefined) {
      goDown({ executed: "maybe", kind: "transport", message });
      return;
    }
    // A connection that never stood is no loss to anybody.
    opening({ executed: "no", kind: "transport", message });
    stop();
  }

  /** Resolves when the server has taken the message, or with why it has not. */
  function post(message: Buffer, more: readonly string[] = []): Promise<UpstreamFailure | undefined> {
    const path = endpoint;
    if (closed || path === undefined) return Promise.resolve(undefined);
    const headers = ["content-type", "application/json", ...ownHeaders, ...more];
    if (protocolVersion !== undefined) headers.push("mcp-protocol-version", protocolVersion);
    return new Promise((resolve) => {
      let wasSent = false;
      let failure: UpstreamFailure | undefined;
      client.dispatch(
        { path, method: "POST", headers, body: message, timeoutMs: POST_TIMEOUT_MS },
        {
          onRequestStart() {
            wasSent = true;
          },
          onResponseStart(_control, status) {
            if (status < 200 || status >= 300) failure = refusalOf(status);
          },
          onResponseData() {},
          onResponseEnd: () => resolve(failure),
          onResponseError: (error) =>
            resolve({
              executed: wasSent ? "maybe" : "no",
              kind: "transport",
              message: describeError(error),
              cause: error,
            }),
        },
      );
    });
  }

  function stop(): void {
    closed = true;
    abortStream?.();
    requests.end();
  }

  function goDown(failure: UpstreamFailure): void {
    if (closed) return;
    stop();
    pending.failAll(failure);
    listener.onDown(failure);
  }
}

function refusalOf(status: number): UpstreamFailure {
  const message = `the server answered HTTP ${status}`;
  if (status === 429) return { executed: "no", kind: "overload", message, status };
  if (status < 500) return { executed: "no", kind: "refused", message, status };
  return { executed: "maybe", kind: status === 503 ? "overload" : "transport", message, status };
}
