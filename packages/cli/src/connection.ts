// An MCP client for the time of one command: either protocol era, errors in the command line's own terms.
import {
  Client,
  ProtocolError,
  SdkError,
  SdkErrorCode,
  SdkHttpError,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";
import { CliError } from "./errors.ts";
import { isNetworkFailure, unreachable } from "./unreachable.ts";
import { version } from "./version.ts";

const goodbyeTimeoutMs = 1_000;

export interface ConnectionOptions {
  /** How long the gateway may take to answer the first request. @defaultValue 10000 */
  readonly connectTimeoutMs?: number;
  /** Sent with every request, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Connection {
  readonly client: Client;
  /**
   * Aborts when the response to a `tools/call` ended without an answer and cannot be resumed. The SDK's client would wait
   * for that answer until its timeout.
   */
  readonly lost: AbortSignal;
}

/**
 * Connects to an MCP endpoint, runs `use` and says goodbye.
 *
 * @throws {@link CliError} for everything that goes wrong, `INTERRUPTED` when the signal aborts.
 */
export async function withClient<T>(
  endpoint: URL,
  signal: AbortSignal,
  use: (connection: Connection) => Promise<T>,
  { connectTimeoutMs = 10_000, headers = {} }: ConnectionOptions = {},
): Promise<T> {
  const requests = new Set<Promise<unknown>>();
  const transport = new StreamableHTTPClientTransport(endpoint, {
    requestInit: { headers },
    fetch: (input, init) => {
      const request = fetch(input, init);
      const settled = request.catch(() => undefined).finally(() => requests.delete(settled));
      requests.add(settled);
      return request;
    },
  });
  const lost = watchCalls(transport);
  const client = new Client(
    { name: "fairlead-cli", version },
    {
      versionNegotiation: { mode: "auto", probe: { timeoutMs: connectTimeoutMs } },
      listMaxPages: 10_000,
    },
  );
  try {
    signal.throwIfAborted();
    await client.connect(transport, { timeout: connectTimeoutMs, signal }).catch((error: unknown) => {
      throw isSilence(error) ? unreachable(endpoint, error) : error;
    });
    return await use({ client, lost });
  } catch (error) {
    throw translate(error, endpoint, signal);
  } finally {
    // What was sent last, a cancellation perhaps, must leave before the connection closes.
    await withinTime(Promise.all(requests), goodbyeTimeoutMs);
    await withinTime(transport.terminateSession(), goodbyeTimeoutMs);
    await client.close().catch(() => undefined);
  }
}

/** To be used before the client connects, which takes over `onmessage` and calls the one that is there first. */
function watchCalls(transport: StreamableHTTPClientTransport): AbortSignal {
  const lost = new AbortController();
  const unanswered = new Set<unknown>();
  transport.onmessage = (message) => {
    if ("id" in message && !("method" in message)) unanswered.delete(message.id);
  };
  const send = transport.send.bind(transport);
  transport.send = (message, options) => {
    if (Array.isArray(message) || !("method" in message) || message.method !== "tools/call")
      return send(message, options);
    const { id } = message as { readonly id?: unknown };
    unanswered.add(id);
    const onRequestStreamEnd = (): void => {
      options?.onRequestStreamEnd?.();
      if (unanswered.has(id)) lost.abort(new Error("the response ended without an answer"));
    };
    return send(message, { ...options, onRequestStreamEnd });
  };
  return lost.signal;
}

/** Whether something listens there, but never answered. */
function isSilence(error: unknown): boolean {
  return (
    error instanceof SdkError &&
    (error.code === SdkErrorCode.RequestTimeout || error.code === SdkErrorCode.EraNegotiationFailed) &&
    !(error instanceof SdkHttpError)
  );
}

function translate(error: unknown, endpoint: URL, signal: AbortSignal): unknown {
  if (error instanceof CliError) return error;
  if (signal.aborted)
    return new CliError("INTERRUPTED", "interrupted; the gateway was told to cancel", {
      cause: error,
      fix: "run it again when you want it to finish",
    });
  if (isNetworkFailure(error)) return unreachable(endpoint, error);
  if (error instanceof ProtocolError) return protocolError(error);
  if (error instanceof SdkHttpError)
    return new CliError("PROTOCOL_ERROR", `${endpoint.href} answered HTTP ${error.status}`, {
      cause: error,
      fix: "check that --url is the address of an MCP gateway; another program may listen there",
      details: { status: error.status },
    });
  if (error instanceof SdkError)
    return new CliError("PROTOCOL_ERROR", `${error.message} (${error.code})`, {
      cause: error,
      fix: 'look at "fairlead status", and check that --url is the address of an MCP gateway',
    });
  return error;
}

/** A JSON-RPC error, under the gateway's own code (`CIRCUIT_OPEN`, …) where it has one. */
function protocolError(error: ProtocolError): CliError {
  const message = error.message.replace(/^MCP error -?\d+: /, "");
  const code = codeOf(error.data);
  return new CliError("PROTOCOL_ERROR", code === undefined ? message : `${code}: ${message}`, {
    cause: error,
    fix:
      code === undefined
        ? 'the upstream refused the request; "fairlead tools" shows what the tool takes'
        : `look at "fairlead status"; docs/troubleshooting.md has an entry for ${code}`,
    details: { jsonRpcCode: error.code, ...(error.data === undefined ? {} : { data: error.data }) },
  });
}

function codeOf(data: unknown): string | undefined {
  if (typeof data !== "object" || data === null || !("code" in data)) return undefined;
  return typeof data.code === "string" ? data.code : undefined;
}

/** Waits for a courtesy, but not for long, and not for its success. */
async function withinTime(work: Promise<unknown>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([work.catch(() => undefined), timeout]);
  clearTimeout(timer);
}
