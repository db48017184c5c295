// One client on a channel that carries whole messages both ways: lines on a pair of streams, frames of a WebSocket. The
// channel is the session; what HTTP says in header fields is read from the messages.
import type { Caller } from "../caller.ts";
import type { Scope } from "../catalog/catalog.ts";
import { type Envelope, EnvelopeError, scanEnvelope } from "../wire/envelope.ts";
import { errorMessage, resultMessage, rpcCode } from "../wire/reply.ts";
import { type Client, createClient } from "./client.ts";
import { classify } from "./era.ts";
import { ClientExchange, type Responder } from "./exchange.ts";
import type { Service } from "./service.ts";

export interface ChannelOptions {
  /** Tells this client from all others. */
  readonly key: string;
  readonly scope: Scope;
  readonly caller: Caller;
  readonly service: Service;
  readonly maxDepth: number;
  /** Requests that may run at a time; further ones are refused. @defaultValue unlimited */
  readonly maxRunning?: number;
  /** Sends one message to the client. */
  readonly write: (message: Buffer) => void;
  /** Sends one that the client can do without when it is slow. @defaultValue `write` */
  readonly writeOptional?: (message: Buffer) => void;
  readonly onOpen: (client: Client) => void;
  readonly onClose: (client: Client) => void;
  /** A message failed inside the gateway. */
  readonly onError: (error: unknown) => void;
}

/** A client that is being served. */
export interface MessageChannel {
  /** Requests that run. */
  readonly running: number;
  /** Takes one message of the client. */
  receive(message: Buffer): void;
  /** The client is gone: what it asked for is cancelled. Idempotent. */
  close(): void;
}

export function openChannel(options: ChannelOptions): MessageChannel {
  const { key, scope, caller, service, maxDepth, maxRunning = Number.POSITIVE_INFINITY, write } = options;
  const client = createClient(key, scope, write);
  const responder: Responder = { reply: write, notify: options.writeOptional ?? write, drop: () => {} };
  let closed = false;
  options.onOpen(client);

  return {
    get running() {
      return client.running.size;
    },
    receive(message) {
      if (closed) return;
      try {
        receive(message);
      } catch (error) {
        options.onError(error);
        write(errorMessage(undefined, rpcCode.internalError, "Internal error of the gateway; see its log"));
      }
    },
    close() {
      if (closed) return;
      closed = true;
      for (const exchange of client.running.values()) exchange.cancel();
      options.onClose(client);
    },
  };

  function receive(message: Buffer): void {
    let envelope: Envelope;
    try {
      envelope = scanEnvelope(message, maxDepth);
    } catch (error) {
      if (!(error instanceof EnvelopeError)) throw error;
      write(errorMessage(undefined, error.code, error.message));
      return;
    }
    if (envelope.kind === "notification") service.notification(client, message, envelope);
    else if (envelope.kind !== "request") service.response(client, message, envelope);
    if (envelope.kind !== "request") return;
    const id = message.subarray(envelope.id.start, envelope.id.end);
    const era = classify(message, envelope, headersOf(message, envelope));
    if (typeof era === "object") {
      write(errorMessage(id, era.code, era.message, era.data));
    } else if (client.running.size >= maxRunning) {
      const text = `More than ${maxRunning} requests of this connection run; wait for answers`;
      write(errorMessage(id, rpcCode.internalError, text, { code: "QUEUE_FULL", outcome: "not-executed" }));
    } else if (envelope.method === "initialize") {
      const { start, end } = envelope.params;
      const params = start === -1 ? Buffer.from("{}") : message.subarray(start, end);
      const { result, hello } = service.initialize(scope, params);
      client.hello = hello;
      write(resultMessage(id, result));
    } else {
      service.request(
        new ClientExchange({ era, client, caller, scope, message, envelope, headers: undefined }, responder),
      );
    }
  }
}

function headersOf(
  message: Buffer,
  envelope: Envelope,
): { protocolVersion: string | undefined; method: string; name: string | undefined } {
  const text = (span: { start: number; end: number }): string | undefined =>
    span.start === -1 ? undefined : (JSON.parse(message.toString("utf8", span.start, span.end)) as string);
  const hasClaim = envelope.metaVersion.start !== -1;
  const version = hasClaim ? text(envelope.metaVersion) : undefined;
  const name =
    envelope.method === "resources/read"
      ? envelope.uri
      : envelope.method.startsWith("tasks/")
        ? envelope.taskId
        : envelope.name;
  return {
    protocolVersion: typeof version === "string" ? version : undefined,
    method: envelope.method,
    name: hasClaim ? text(name) : undefined,
  };
}
