// The admin API behind an identity: finds the operation, checks the role, runs it, and writes down what was changed.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Principal } from "../auth/authenticator.ts";
import { BodyError, readJsonBody } from "../http/read-body.ts";
import { send, sendError, sendJson } from "../http/respond.ts";
import type { EventStream } from "./event-stream.ts";
import { type AdminMcp, createAdminMcp } from "./mcp.ts";
import { describeApi } from "./openapi.ts";
import { AdminError, type Operation } from "./operation.ts";
import { createRouter } from "./router.ts";

export interface AdminApi {
  /** Takes the request if its path is one of the API's; false leaves it to the caller, untouched. */
  serve(request: IncomingMessage, response: ServerResponse, path: string, principal: Principal): boolean;
  /** Serves the operations as MCP tools. */
  serveMcp(request: IncomingMessage, response: ServerResponse, principal: Principal): void;
  /** What it serves, for tests and for the description. */
  readonly operations: readonly Operation[];
  close(): Promise<void>;
}

export interface AdminApiOptions {
  readonly operations: readonly Operation[];
  readonly version: string;
  readonly events: EventStream;
  /** Renders `GET /metrics`; undefined where there are none. */
  readonly metrics: (() => Promise<{ readonly type: string; readonly text: string }>) | undefined;
  /** Told of every operation that may change something, and how it ended. */
  readonly onChange: (change: AdminChange) => void;
  readonly onError: (error: unknown) => void;
  /** Takes secrets out of what is answered. */
  readonly scrub: (text: string) => string;
}

export interface AdminChange {
  readonly actor: string;
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly outcome: "ok" | "error" | "forbidden";
  readonly error?: string;
}

export function createAdminApi(options: AdminApiOptions): AdminApi {
  const { operations, version, events, metrics, onChange, onError, scrub } = options;
  const route = createRouter(operations);
  const description = JSON.stringify(describeApi(operations, version));
  const mcp: AdminMcp = createAdminMcp({ operations, version, run: runAs });

  return {
    operations,
    serve(request, response, path, principal) {
      const isRead = request.method === "GET" || request.method === "HEAD";
      if (isRead && path === "/metrics" && metrics !== undefined) {
        metrics()
          .then(({ type, text }) => send(response, 200, type, text))
          .catch((error: unknown) => answerError(response, error));
        return true;
      }
      if (isRead && path === "/api/openapi.json") {
        send(response, 200, "application/json", description);
        return true;
      }
      if (isRead && path === "/api/events") {
        if (mayNot(principal, "admin", response)) return true;
        events.serve(request, response);
        return true;
      }
      const found = route(request.method ?? "GET", path);
      if (found === undefined) return false;
      if ("operation" in found) {
        run(request, response, found.operation, found.parameters, principal).catch((error: unknown) =>
          answerError(response, error),
        );
      } else {
        const allow = found.join(", ");
        sendError(response, 405, "METHOD_NOT_ALLOWED", `Use ${allow} here.`, { allow });
      }
      return true;
    },
    serveMcp(request, response, principal) {
      if (mayNot(principal, "admin", response)) return;
      mcp.handle(request, response, principal.name).catch((error: unknown) => answerError(response, error));
    },
    close: () => mcp.close(),
  };

  async function run(
    request: IncomingMessage,
    response: ServerResponse,
    operation: Operation,
    parameters: Readonly<Record<string, string>>,
    principal: Principal,
  ): Promise<void> {
    if (operation.access === "admin" && !principal.admin) {
      if (operation.method !== "GET")
        onChange({ actor: principal.name, operation: operation.id, input: parameters, outcome: "forbidden" });
      refuse(response);
      return;
    }
    const inQuery = operation.method === "GET" || operation.method === "DELETE";
    const rest = inQuery
      ? Object.fromEntries(new URL(request.url ?? "/", "http://localhost").searchParams)
      : await readJsonBody(request);
    const result = await runAs(operation, { ...rest, ...parameters }, principal.name);
    send(response, 200, "application/json", scrub(`${JSON.stringify(result)}\n`));
  }

  async function runAs(
    operation: Operation,
    input: Readonly<Record<string, unknown>>,
    actor: string,
  ): Promise<unknown> {
    const isChange = operation.method !== "GET";
    try {
      const result = await operation.run(input, { actor });
      if (isChange) onChange({ actor, operation: operation.id, input, outcome: "ok" });
      return result;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (isChange) onChange({ actor, operation: operation.id, input, outcome: "error", error: message });
      throw error;
    }
  }

  function mayNot(principal: Principal, access: Operation["access"], response: ServerResponse): boolean {
    if (access === "client" || principal.admin) return false;
    refuse(response);
    return true;
  }

  function answerError(response: ServerResponse, error: unknown): void {
    if (response.headersSent) {
      response.destroy();
    } else if (error instanceof AdminError) {
      sendError(response, error.status, error.code, scrub(error.message));
    } else if (error instanceof BodyError) {
      // The rest of a body that is too long is not read.
      const headers = error.status === 413 ? { connection: "close" } : undefined;
      sendError(response, error.status, error.code, error.message, headers);
    } else if (isInvalidConfig(error)) {
      sendError(response, 422, "INVALID_CONFIG", scrub(error.message));
    } else {
      onError(error);
      sendJson(response, 500, { error: { code: "INTERNAL_ERROR", message: "See the gateway's log." } });
    }
  }
}

function refuse(response: ServerResponse): void {
  const message = "This needs the operators' token: Authorization: Bearer <token>; see admin.token.";
  sendError(response, 403, "FORBIDDEN", message);
}

function isInvalidConfig(error: unknown): error is Error {
  return error instanceof Error && "code" in error && error.code === "INVALID_CONFIG";
}
