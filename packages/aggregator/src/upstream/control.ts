// The gateway's own requests to a server: handshake or discovery, lists, health checks. Off the hot path, so promises and parsed JSON.
import { type Clock, systemClock } from "@fairlead/core";
import {
  type Era,
  LEGACY_PROTOCOL_VERSION,
  LEGACY_PROTOCOL_VERSIONS,
  MODERN_PROTOCOL_VERSION,
} from "../era.ts";
import type { Envelope, Span } from "../wire/envelope.ts";
import { notificationMessage } from "../wire/reply.ts";
import type { UpstreamConnection, UpstreamFailure } from "./connection.ts";
import type { RequestTarget } from "./request-target.ts";

/** What a server said about itself, in its answer to `initialize` or `server/discover`. */
export interface ServerInfo {
  readonly era: Era;
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
  /** `error.data` of the server's answer. */
  readonly rpcData: unknown;
  readonly failure: UpstreamFailure | undefined;
  /** No answer came in time. */
  readonly isTimeout: boolean;

  constructor(
    message: string,
    facts: Partial<Pick<ControlError, "rpcCode" | "rpcData" | "failure" | "isTimeout">> = {},
  ) {
    super(message);
    this.rpcCode = facts.rpcCode;
    this.rpcData = facts.rpcData;
    this.isTimeout = facts.isTimeout ?? false;
    this.failure = facts.failure;
  }
}

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
      encode: (requestId, target) => printRequest(requestId, method, params, target),
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
        reject(
          new ControlError(`did not answer ${method} within ${timeoutMs / 1_000} s`, { isTimeout: true }),
        );
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

/** Prints a request of the gateway's own, with the `_meta` that a modern server wants in each. */
export function printRequest(
  id: number,
  method: string,
  params: Readonly<Record<string, unknown>>,
  target: RequestTarget,
): Buffer {
  if (target.era === "legacy") return Buffer.from(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
  const { protocolVersion, capabilities, clientInfo } = target.meta;
  const _meta = JSON.parse(`{${protocolVersion},${capabilities},${clientInfo}}`) as object;
  return Buffer.from(JSON.stringify({ jsonrpc: "2.0", id, method, params: { ...params, _meta } }));
}

/** Asks a modern server what it is. Its other answers are told by {@link ControlError.rpcCode}. */
export async function discover(
  connection: UpstreamConnection,
  timeoutMs: number,
  clock?: Clock,
): Promise<ServerInfo> {
  const { message, result } = await controlRequest(connection, "server/discover", {}, timeoutMs, clock);
  return parseDiscovered(message.subarray(result.start, result.end));
}

function parseDiscovered(bytes: Buffer): ServerInfo {
  const value = JSON.parse(bytes.toString("utf8")) as Record<string, unknown>;
  const { supportedVersions, capabilities, instructions, _meta } = value;
  if (!Array.isArray(supportedVersions) || !isObject(capabilities))
    throw new ControlError("answered server/discover without supportedVersions and capabilities");
  if (!supportedVersions.includes(MODERN_PROTOCOL_VERSION)) {
    throw new ControlError(
      `supports the protocol versions ${supportedVersions.join(", ")}, and not ${MODERN_PROTOCOL_VERSION}`,
    );
  }
  const serverInfo = isObject(_meta) ? _meta["io.modelcontextprotocol/serverInfo"] : undefined;
  return {
    era: "modern",
    protocolVersion: MODERN_PROTOCOL_VERSION,
    capabilities,
    serverInfo: parseIdentity(serverInfo),
    instructions: typeof instructions === "string" ? instructions : undefined,
  };
}

/** How a session is introduced: the `params` of `initialize`. */
export interface Hello {
  readonly protocolVersion: string;
  readonly capabilities: Readonly<Record<string, unknown>>;
  readonly clientInfo: Readonly<Record<string, unknown>>;
}

/** The gateway's own introduction: nobody stands behind it who could be asked. */
export function ownHello(clientInfo: { readonly name: string; readonly version: string }): Hello {
  return { protocolVersion: LEGACY_PROTOCOL_VERSION, capabilities: {}, clientInfo: { ...clientInfo } };
}

/** Opens the legacy session: `initialize`, then `notifications/initialized`. */
export async function handshake(
  connection: UpstreamConnection,
  hello: Hello,
  timeoutMs: number,
  clock?: Clock,
): Promise<ServerInfo> {
  const { message, result } = await controlRequest(connection, "initialize", { ...hello }, timeoutMs, clock);
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
  return {
    era: "legacy",
    protocolVersion,
    capabilities,
    serverInfo: parseIdentity(serverInfo),
    instructions: typeof instructions === "string" ? instructions : undefined,
  };
}

function parseIdentity(value: unknown): ServerInfo["serverInfo"] {
  const { name, version } = isObject(value) ? value : {};
  return {
    name: typeof name === "string" ? name : "unknown",
    version: typeof version === "string" ? version : "unknown",
  };
}

function errorAnswer(method: string, message: Buffer, envelope: Envelope): ControlError {
  const parsed = JSON.parse(message.toString("utf8")) as {
    error: { code?: unknown; message?: unknown; data?: unknown };
  };
  const code = envelope.errorCode.start === -1 ? undefined : Number(parsed.error.code);
  return new ControlError(
    `answered ${method} with an error: ${String(parsed.error.message)}`,
    code === undefined ? {} : { rpcCode: code, rpcData: parsed.error.data },
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
