// The gateway's own requests to a server: handshake, lists, ping. Off the hot path, so promises and parsed JSON.
import { type Clock, systemClock } from "@fairlead/core";
import type { Envelope, Span } from "../wire/envelope.ts";
import { notificationMessage } from "../wire/reply.ts";
import type { UpstreamConnection, UpstreamFailure } from "./connection.ts";

/** What a server said in its `initialize` answer. */
export interface ServerInfo {
  readonly protocolVersion: string;
  readonly capabilities: Readonly<Record<string, unknown>>;
  readonly serverInfo: { readonly name: string; readonly version: string };
  readonly instructions?: string | undefined;
}

/** The bytes of an answer, and where its result stands. */
export interface ControlAnswer {
  readonly message: Buffer;
  readonly result: Readonly<Span>;
}

/** A control request failed: no answer, a JSON-RPC error, or an answer that is not what the protocol says. */
export class ControlError extends Error {
  override readonly name = "ControlError";
  /** The JSON-RPC error code, when the server answered with one. */
  readonly rpcCode: number | undefined;
  readonly failure: UpstreamFailure | undefined;

  constructor(message: string, facts: { rpcCode?: number; failure?: UpstreamFailure } = {}) {
    super(message);
    this.rpcCode = facts.rpcCode;
    this.failure = facts.failure;
  }
}

/** The newest revision that the gateway offers to legacy servers. */
export const LEGACY_PROTOCOL_VERSION = "2025-11-25";
/** Revisions with sessions, newest first: what the gateway speaks on both sides of the legacy era. */
export const LEGACY_PROTOCOL_VERSIONS: readonly string[] = [
  "2025-11-25",
  "2025-06-18",
  "2025-03-26",
  "2024-11-05",
];

/** Sends one request and waits for its answer, at most `timeoutMs`. */
export async function controlRequest(
  connection: UpstreamConnection,
  method: string,
  params: Readonly<Record<string, unknown>>,
  timeoutMs: number,
  clock: Clock = systemClock,
): Promise<ControlAnswer> {
  const timeout = new AbortController();
  const answer = new Promise<ControlAnswer>((resolve, reject) => {
    const id = connection.send({
      method,
      encode: (requestId) => Buffer.from(JSON.stringify({ jsonrpc: "2.0", id: requestId, method, params })),
      onNotification() {},
      onAnswer(message, envelope) {
        if (envelope.kind === "result") resolve({ message, result: envelope.result });
        else reject(errorAnswer(method, message, envelope));
      },
      onFailure: (failure) => reject(new ControlError(failure.message, { failure })),
    });
    clock.sleep(timeoutMs, timeout.signal).then(
      () => {
        connection.cancel(id, "timeout");
        reject(new ControlError(`did not answer ${method} within ${timeoutMs / 1_000} s`));
      },
      () => {},
    );
  });
  try {
    return await answer;
  } finally {
    timeout.abort();
  }
}

/** Opens the legacy session: `initialize`, then `notifications/initialized`. The gateway declares no client capabilities. */
export async function handshake(
  connection: UpstreamConnection,
  clientInfo: { readonly name: string; readonly version: string },
  timeoutMs: number,
  clock?: Clock,
): Promise<ServerInfo> {
  const params = { protocolVersion: LEGACY_PROTOCOL_VERSION, capabilities: {}, clientInfo };
  const { message, result } = await controlRequest(connection, "initialize", params, timeoutMs, clock);
  const info = parseServerInfo(message.subarray(result.start, result.end));
  // A strict server refuses requests that overtake it on another socket.
  await connection.notify(notificationMessage("notifications/initialized"));
  return info;
}

function parseServerInfo(bytes: Buffer): ServerInfo {
  const value = JSON.parse(bytes.toString("utf8")) as Record<string, unknown>;
  const { protocolVersion, capabilities, serverInfo, instructions } = value;
  if (typeof protocolVersion !== "string" || !LEGACY_PROTOCOL_VERSIONS.includes(protocolVersion)) {
    throw new ControlError(
      `answered initialize with the protocol version ${JSON.stringify(protocolVersion)}, which is not supported`,
    );
  }
  if (!isObject(capabilities)) throw new ControlError("answered initialize without capabilities");
  const { name, version } = isObject(serverInfo) ? serverInfo : {};
  return {
    protocolVersion,
    capabilities,
    serverInfo: {
      name: typeof name === "string" ? name : "unknown",
      version: typeof version === "string" ? version : "unknown",
    },
    instructions: typeof instructions === "string" ? instructions : undefined,
  };
}

function errorAnswer(method: string, message: Buffer, envelope: Envelope): ControlError {
  const parsed = JSON.parse(message.toString("utf8")) as { error: { code?: unknown; message?: unknown } };
  const code = envelope.errorCode.start === -1 ? undefined : Number(parsed.error.code);
  return new ControlError(
    `answered ${method} with an error: ${String(parsed.error.message)}`,
    code === undefined ? {} : { rpcCode: code },
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
