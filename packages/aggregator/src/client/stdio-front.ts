// The gateway as a stdio server: one client on stdin and stdout, of either era, one message per line.
import { randomUUID } from "node:crypto";
import type { Readable, Writable } from "node:stream";
import type { Caller } from "../caller.ts";
import type { Scope } from "../catalog/catalog.ts";
import { type Envelope, EnvelopeError, scanEnvelope } from "../wire/envelope.ts";
import { createLineSplitter } from "../wire/lines.ts";
import { errorMessage, resultMessage, rpcCode } from "../wire/reply.ts";
import { toSingleLine } from "../wire/splice.ts";
import { type Client, createClient } from "./client.ts";
import { classify } from "./era.ts";
import { ClientExchange, type Responder } from "./exchange.ts";
import type { Service } from "./service.ts";

export interface StdioFrontOptions {
  readonly input: Readable;
  readonly output: Writable;
  readonly scope: Scope;
  /** @defaultValue `{ id: "stdio" }` */
  readonly caller?: Caller | undefined;
  readonly service: Service;
  readonly maxRequestBytes: number;
  readonly maxDepth: number;
  readonly onOpen: (client: Client) => void;
  readonly onClose: (client: Client) => void;
  /** A message failed inside the gateway. */
  readonly onError: (error: unknown) => void;
}

/** Answers that may wait for a client that does not read them, in bytes. */
const MAX_UNREAD_BYTES = 8 * 1024 * 1024;

/** Serves until the input ends, then resolves. */
export function serveStdio(options: StdioFrontOptions): Promise<void> {
  const { input, output, scope, service, maxRequestBytes, maxDepth, caller = { id: "stdio" } } = options;
  const client = createClient(`stdio ${randomUUID()}`, scope, write);
  const responder: Responder = { reply: write, notify: write, drop: () => {} };
  const lines = createLineSplitter({
    maxLineBytes: maxRequestBytes,
    onLine: (line) => {
      if (line.length === 0) return;
      try {
        receive(line);
      } catch (error) {
        options.onError(error);
        write(errorMessage(undefined, rpcCode.internalError, "Internal error of the gateway; see its log"));
      }
    },
    onOversize: () =>
      write(
        errorMessage(
          undefined,
          rpcCode.invalidRequest,
          `The message is longer than the ${maxRequestBytes} bytes allowed`,
        ),
      ),
  });
  options.onOpen(client);
  input.on("data", lines.push);
  // A client that is gone cannot be written to; the end of its input follows.
  output.on("error", () => {});
  return new Promise((resolve) => {
    const end = (): void => {
      for (const exchange of client.running.values()) exchange.cancel();
      options.onClose(client);
      resolve();
    };
    input.once("end", end);
    input.once("close", end);
  });

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
    // There are no headers on stdio; the ones that a modern request needs are read from the body.
    const era = classify(message, envelope, headersOf(message, envelope));
    if (typeof era === "object") {
      write(errorMessage(id, era.code, era.message, era.data));
    } else if (envelope.method === "initialize") {
      const { start, end } = envelope.params;
      const { result, hello } = service.initialize(
        scope,
        start === -1 ? Buffer.from("{}") : message.subarray(start, end),
      );
      client.hello = hello;
      write(resultMessage(id, result));
    } else {
      service.request(
        new ClientExchange({ era, client, caller, scope, message, envelope, headers: undefined }, responder),
      );
    }
  }

  function write(message: Buffer): void {
    if (!output.writable) return;
    output.write(toSingleLine(message));
    if (output.write("\n") || output.writableLength < MAX_UNREAD_BYTES || input.isPaused()) return;
    // Who does not read its answers gets no more questions in.
    input.pause();
    output.once("drain", () => input.resume());
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
