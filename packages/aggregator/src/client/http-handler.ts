// Streamable HTTP, both eras on the same path: POST for messages, GET for a session's own stream, DELETE for its end.
// It only speaks MCP; whoever mounts it decides about hosts, origins, authentication and everything else on the server.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Caller } from "../caller.ts";
import type { Catalog, Scope } from "../catalog/catalog.ts";
import { type Era, LEGACY_PROTOCOL_VERSIONS } from "../era.ts";
import { type Envelope, EnvelopeError, scanEnvelope } from "../wire/envelope.ts";
import { errorMessage, resultMessage } from "../wire/reply.ts";
import { type Body, readBody } from "./body.ts";
import { ANONYMOUS, createClient, type Exchange } from "./client.ts";
import { classify } from "./era.ts";
import { ClientExchange } from "./exchange.ts";
import { type Gate, refusalMessage } from "./gate.ts";
import { createGetStreams } from "./get-streams.ts";
import { createKeepAlive, HttpResponder, type Takes } from "./responder.ts";
import type { Service } from "./service.ts";
import type { HttpSession, Sessions } from "./sessions.ts";

export interface HttpHandlerOptions {
  readonly catalog: Catalog;
  readonly service: Service;
  readonly sessions: Sessions;
  readonly gate?: Gate | undefined;
  readonly maxRequestBytes: number;
  readonly maxDepth: number;
  /** Where everything is served; each pool is at `<basePath>/<namespace>`. */
  readonly basePath: string;
  /** A request failed inside the gateway. */
  readonly onError: (error: unknown) => void;
}

export interface HttpHandler {
  /** Takes the request if its path is one of MCP's; false leaves it to the caller, untouched. */
  handle(request: IncomingMessage, response: ServerResponse, caller?: Caller): boolean;
  /** What a path serves; undefined when it is none of MCP's. */
  scopeOf(path: string, caller: Caller | undefined): Scope | "unknown" | undefined;
  /** From here on every response is the last one on its connection, and streams end. */
  drain(): void;
  close(): void;
}

/** Code of errors that concern HTTP rather than JSON-RPC; outside of the range that JSON-RPC reserves. */
const HTTP_ERROR = -31_400;

export function createHttpHandler(options: HttpHandlerOptions): HttpHandler {
  const { catalog, service, sessions, gate, maxRequestBytes, maxDepth, basePath, onError } = options;
  const keepAlive = createKeepAlive();
  const connections = new WeakMap<object, Caller>();
  let connectionCount = 0;
  const front = { draining: false, keepAlive };
  const getStreams = createGetStreams({ front, gate, refuse });

  return {
    handle(request, response, caller) {
      const scope = scopeOf(request.url ?? "/", caller);
      if (scope === undefined) return false;
      if (scope === "unknown") {
        refuse(
          response,
          404,
          `No such endpoint; everything is at ${basePath}, each pool at ${basePath}/<namespace>`,
        );
        return true;
      }
      if (request.method === "POST") post(request, response, scope, caller);
      else if (request.method === "GET") openStream(request, response, scope, caller);
      else if (request.method === "DELETE") endSession(request, response, scope, caller);
      else refuse(response, 405, "Use POST, GET or DELETE", { allow: "POST, GET, DELETE" });
      return true;
    },
    scopeOf,
    drain() {
      front.draining = true;
      service.endListens();
      getStreams.end();
    },
    close() {
      keepAlive.close();
      sessions.closeAll();
    },
  };

  function scopeOf(url: string, caller: Caller | undefined): Scope | "unknown" | undefined {
    const query = url.indexOf("?");
    const path = query === -1 ? url : url.slice(0, query);
    const isBase = path === basePath || path === `${basePath}/`;
    if (!isBase && !path.startsWith(`${basePath}/`)) return undefined;
    return catalog.at(isBase ? "" : path.slice(basePath.length + 1), caller?.view) ?? "unknown";
  }

  function post(
    request: IncomingMessage,
    response: ServerResponse,
    scope: Scope,
    caller: Caller | undefined,
  ): void {
    const { headers } = request;
    if (!isJson(headers["content-type"])) {
      refuse(response, 415, "Content-Type must be application/json");
      return;
    }
    if ((headers["content-encoding"] ?? "identity") !== "identity") {
      refuse(response, 415, "Content-Encoding is not supported; send the body as it is");
      return;
    }
    const read = (body: Body): void => {
      try {
        receive(request, response, scope, caller, body);
      } catch (error) {
        onError(error);
        if (response.headersSent) response.destroy();
        else refuse(response, 500, "Internal error of the gateway; see its log");
      }
    };
    readBody(request, maxRequestBytes, read);
  }

  function receive(
    request: IncomingMessage,
    response: ServerResponse,
    scope: Scope,
    caller: Caller | undefined,
    message: Body,
  ): void {
    if (message === "aborted") return;
    if (message === "too-large") {
      // The rest of the body is not read, so the connection cannot go on.
      refuse(response, 413, `The body is longer than the ${maxRequestBytes} bytes allowed`, {
        connection: "close",
      });
      return;
    }
    let envelope: Envelope;
    try {
      envelope = scanEnvelope(message, maxDepth);
    } catch (error) {
      if (!(error instanceof EnvelopeError)) throw error;
      send(response, 400, errorMessage(undefined, error.code, error.message));
      return;
    }
    const era = classify(message, envelope, {
      protocolVersion: headerOf(request, "mcp-protocol-version"),
      method: headerOf(request, "mcp-method"),
      name: headerOf(request, "mcp-name"),
    });
    if (typeof era === "object") {
      send(response, era.status, errorMessage(idOf(message, envelope), era.code, era.message, era.data));
    } else if (era === "modern") {
      serve(request, response, {
        era,
        client: createClient(ANONYMOUS, scope, () => {}),
        caller: caller ?? connectionOf(request),
        scope,
        message,
        envelope,
      });
    } else {
      legacy(request, response, scope, caller, message, envelope);
    }
  }

  function legacy(
    request: IncomingMessage,
    response: ServerResponse,
    scope: Scope,
    caller: Caller | undefined,
    message: Buffer,
    envelope: Envelope,
  ): void {
    if (envelope.kind === "request" && envelope.method === "initialize") {
      initialize(response, scope, caller, message, envelope);
      return;
    }
    const version = headerOf(request, "mcp-protocol-version");
    if (version !== undefined && !LEGACY_PROTOCOL_VERSIONS.includes(version)) {
      refuse(
        response,
        400,
        `MCP-Protocol-Version ${version} is not supported; supported: ${LEGACY_PROTOCOL_VERSIONS.join(", ")}`,
      );
      return;
    }
    const session = sessionOf(request, scope, caller);
    if (session === "unknown") {
      refuse(
        response,
        404,
        "Session not found; send initialize to open a new one",
        {},
        idOf(message, envelope),
      );
      return;
    }
    // Without a session each request stands alone, as with a stateless server.
    const client = session?.client ?? createClient(ANONYMOUS, scope, () => {});
    const who = caller ?? session?.caller ?? connectionOf(request);
    const fields = { era: "legacy", client, caller: who, scope, message, envelope } as const;
    serve(request, response, fields, session);
  }

  function initialize(
    response: ServerResponse,
    scope: Scope,
    caller: Caller | undefined,
    message: Buffer,
    envelope: Envelope,
  ): void {
    const { start, end } = envelope.params;
    const { result, protocolVersion, hello } = service.initialize(
      scope,
      start === -1 ? Buffer.from("{}") : message.subarray(start, end),
    );
    const session = sessions.open(scope, protocolVersion, caller);
    const id = message.subarray(envelope.id.start, envelope.id.end);
    if (session === undefined) {
      refuse(response, 503, "Too many sessions are open; try again later", { "retry-after": "30" }, id);
      return;
    }
    if ("refuse" in session) {
      const { status, retryAfterMs = 1_000 } = session.refuse;
      const wait = String(Math.ceil(retryAfterMs / 1_000));
      send(response, status, refusalMessage(id, session), { "retry-after": wait });
      return;
    }
    session.client.hello = hello;
    send(response, 200, resultMessage(id, result), { "mcp-session-id": session.id });
  }

  function serve(
    request: IncomingMessage,
    response: ServerResponse,
    {
      era,
      client,
      caller,
      scope,
      message,
      envelope,
    }: Pick<Exchange, "client" | "caller" | "scope" | "message" | "envelope"> & { readonly era: Era },
    session?: HttpSession,
  ): void {
    if (envelope.kind !== "request") {
      if (envelope.kind === "notification") service.notification(client, message, envelope);
      else service.response(client, message, envelope);
      response.writeHead(202, front.draining ? { connection: "close" } : {}).end();
      return;
    }
    const takes = takesOf(request.headers.accept, envelope.method);
    const responder = new HttpResponder(response, takes, front, session);
    const exchange = new ClientExchange(
      { era, client, caller, scope, message, envelope, headers: request.headers },
      responder,
    );
    // 2026-07-28: a closed response stream is a cancellation. 2025-11-25: it is not; the call goes on.
    response.on("close", () => {
      keepAlive.remove(response);
      if (response.writableFinished || (era === "legacy" && !responder.isInParts)) return;
      exchange.cancel();
    });
    service.request(exchange);
  }

  /** GET: the stream of a session for what answers no request. */
  function openStream(
    request: IncomingMessage,
    response: ServerResponse,
    scope: Scope,
    caller: Caller | undefined,
  ): void {
    const session = sessionOf(request, scope, caller);
    if (session === undefined) {
      refuse(
        response,
        405,
        "GET needs a session: send initialize first; revision 2026-07-28 uses POST only",
        { allow: "POST" },
      );
    } else if (session === "unknown") {
      refuse(response, 404, "Session not found; send initialize to open a new one");
    } else if (!(request.headers.accept ?? "").includes("text/event-stream")) {
      refuse(response, 406, "GET needs Accept: text/event-stream");
    } else {
      getStreams.open(session, response, headerOf(request, "last-event-id") ?? "");
    }
  }

  function endSession(
    request: IncomingMessage,
    response: ServerResponse,
    scope: Scope,
    caller: Caller | undefined,
  ): void {
    const session = sessionOf(request, scope, caller);
    if (session === undefined) {
      refuse(response, 405, "DELETE ends a session, and the request names none", { allow: "POST" });
    } else if (session === "unknown") {
      refuse(response, 404, "Session not found");
    } else {
      sessions.close(session);
      response.writeHead(200).end();
    }
  }

  function sessionOf(
    request: IncomingMessage,
    scope: Scope,
    caller: Caller | undefined,
  ): HttpSession | "unknown" | undefined {
    const id = headerOf(request, "mcp-session-id");
    return id === undefined ? undefined : (sessions.use(id, scope, caller) ?? "unknown");
  }

  /** Who has neither been identified nor has a session is told apart by its connection. */
  function connectionOf({ socket }: IncomingMessage): Caller {
    let known = connections.get(socket);
    if (known === undefined) {
      known = { id: `connection-${++connectionCount}` };
      connections.set(socket, known);
    }
    return known;
  }

  function refuse(
    response: ServerResponse,
    status: number,
    text: string,
    headers: Record<string, string> = {},
    id?: Buffer,
  ): void {
    send(response, status, errorMessage(id, HTTP_ERROR - (status - 400), text), headers);
  }

  function send(
    response: ServerResponse,
    status: number,
    message: Buffer,
    headers: Record<string, string> = {},
  ): void {
    const all = { "content-type": "application/json", "content-length": String(message.length), ...headers };
    response.writeHead(status, front.draining ? { ...all, connection: "close" } : all);
    response.end(message);
  }
}

function idOf(message: Buffer, envelope: Envelope): Buffer | undefined {
  return envelope.id.start === -1 ? undefined : message.subarray(envelope.id.start, envelope.id.end);
}

function isJson(contentType: string | undefined): boolean {
  if (contentType === "application/json") return true;
  return contentType !== undefined && /^application\/json\s*(;|$)/i.test(contentType);
}

/**
 * How a request may be answered. HTTP leaves it to the server which of two equally good types it takes; here it is what the
 * client names first, for lists. Calls are answered with plain JSON where nothing comes before the answer, since each costs.
 */
function takesOf(accept: string | undefined, method: string): Takes {
  if (accept === undefined) return "either";
  if (accept.startsWith("text/event-stream")) return method.endsWith("/list") ? "stream" : "either";
  return accept.includes("text/event-stream") ? "either" : "json";
}

/** A header that may be sent once; undici and browsers join repeated ones with commas, which then fails to match. */
function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value.trim() : undefined;
}
