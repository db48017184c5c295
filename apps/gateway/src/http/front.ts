// Every HTTP request on its way: plain path, own Host and Origin, an identity, and only then what it asks for. What is not
// named here is refused.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Multiplexer } from "@fairlead/aggregator";
import type { AdminApi } from "../admin/api.ts";
import type { Authenticator, AuthFailure, Principal } from "../auth/authenticator.ts";
import { metadataUrl, type OAuthSettings, resourceMetadata } from "../auth/oauth.ts";
import type { Dashboard } from "../dashboard.ts";
import type { Guard } from "./guard.ts";
import { plainPath } from "./path.ts";
import { sendError, sendJson } from "./respond.ts";

export interface FrontOptions {
  readonly guard: Guard;
  /** Asked for each request, because a reload may exchange it. */
  readonly authenticate: () => Authenticator;
  /** Whether traffic should be sent here, and why not. */
  readonly readiness: () => { readonly isReady: boolean; readonly status: string };
  /** Serves MCP; undefined on a listener for operators only. */
  readonly multiplexer?: Multiplexer | undefined;
  /** Serves the admin API; undefined where it has a listener of its own. */
  readonly admin?: AdminApi | undefined;
  /** Goes with the admin API. */
  readonly dashboard?: Dashboard | undefined;
  readonly oauth?: OAuthSettings | undefined;
  readonly onError: (error: unknown) => void;
}

/** Paths that anybody may ask for who passes the guard. */
const PUBLIC_PATHS: readonly string[] = ["/livez", "/readyz"];

/** The gateway's own MCP endpoint; no pool may have its name. */
const ADMIN_MCP_PATH = "/mcp/fairlead";

/** Whether a request is for the multiplexer, by its target. */
export function isMultiplexed(target: string): boolean {
  return target === "/mcp" || (target.startsWith("/mcp/") && !target.startsWith(ADMIN_MCP_PATH));
}

export function createFront(
  options: FrontOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  const { guard, authenticate, readiness, multiplexer, admin, dashboard, oauth, onError } = options;
  const metadataPath = oauth === undefined ? undefined : new URL(metadataUrl(oauth.resource)).pathname;

  return (request, response) => {
    try {
      receive(request, response);
    } catch (error) {
      fail(response, error);
    }
  };

  function receive(request: IncomingMessage, response: ServerResponse): void {
    const path = plainPath(request.url);
    if (path === undefined) {
      sendError(response, 400, "INVALID_PATH", "The path is not written in its plain form.");
      return;
    }
    const refusal = guard(request);
    if (refusal !== undefined) {
      sendError(response, 403, "FOREIGN_ORIGIN", refusal);
      return;
    }
    if (isPublic(path)) {
      if (isRead(request)) answerPublic(path, response);
      else sendError(response, 405, "METHOD_NOT_ALLOWED", "Use GET here.", { allow: "GET" });
      return;
    }
    if (dashboard?.serve(request, response, path) === true) return;
    const verdict = authenticate()(request);
    if (!(verdict instanceof Promise)) {
      proceed(request, response, path, verdict);
      return;
    }
    verdict
      .then((principal) => proceed(request, response, path, principal))
      .catch((error: unknown) => fail(response, error));
  }

  function proceed(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    principal: Principal | AuthFailure,
  ): void {
    if ("status" in principal) {
      const { status, code, message, challenge } = principal;
      sendError(
        response,
        status,
        code,
        message,
        challenge === undefined ? {} : { "www-authenticate": challenge },
      );
      return;
    }
    if (path === ADMIN_MCP_PATH) {
      if (admin === undefined)
        sendError(response, 404, "NOT_FOUND", "The admin API has a listener of its own.");
      else admin.serveMcp(request, response, principal);
      return;
    }
    if (multiplexer?.handler(request, response, principal.caller) === true) return;
    if (admin?.serve(request, response, path, principal) === true) return;
    if (!isRead(request)) {
      sendError(response, 405, "METHOD_NOT_ALLOWED", "Use GET here; MCP is at /mcp.", { allow: "GET" });
    } else if (path === "/") {
      sendJson(response, 200, {
        name: "fairlead",
        ...(multiplexer === undefined ? {} : { mcp: "/mcp" }),
        ...(admin === undefined ? {} : { status: "/api/status", description: "/api/openapi.json" }),
        ...(dashboard === undefined ? {} : { dashboard: "/admin/" }),
        health: PUBLIC_PATHS,
      });
    } else {
      sendError(response, 404, "NOT_FOUND", "Nothing here; MCP is at /mcp, the state at /api/status.");
    }
  }

  function isPublic(path: string): boolean {
    return PUBLIC_PATHS.includes(path) || (metadataPath !== undefined && path === metadataPath);
  }

  function answerPublic(path: string, response: ServerResponse): void {
    if (path === "/livez") {
      sendJson(response, 200, { status: "alive" });
    } else if (path === "/readyz") {
      const { isReady, status } = readiness();
      sendJson(response, isReady ? 200 : 503, { status: isReady ? "ready" : status });
    } else if (oauth !== undefined) {
      sendJson(response, 200, resourceMetadata(oauth));
    }
  }

  function fail(response: ServerResponse, error: unknown): void {
    onError(error);
    if (response.headersSent) response.destroy();
    else sendError(response, 500, "INTERNAL_ERROR", "See the gateway's log.");
  }
}

function isRead({ method }: IncomingMessage): boolean {
  return method === "GET" || method === "HEAD";
}
