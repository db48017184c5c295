// Upgrades to WebSocket: the same path, Host, Origin and identity as for every other request, then MCP.
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Caller, Refusal, WebSocketFront } from "@fairlead/aggregator";
import type { Authenticator, AuthFailure, Principal } from "../auth/authenticator.ts";
import type { Guard } from "./guard.ts";
import { plainPath } from "./path.ts";

export interface UpgradeOptions {
  readonly front: WebSocketFront;
  readonly guard: Guard;
  /** Asked for each request, because a reload may exchange it. */
  readonly authenticate: () => Authenticator;
  /** Counts the connection as a stream of its client. */
  readonly admitStream: (caller: Caller) => Refusal | (() => void);
  readonly onError: (error: unknown) => void;
}

export function createUpgradeHandler({
  front,
  guard,
  authenticate,
  admitStream,
  onError,
}: UpgradeOptions): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  return (request, socket, head) => {
    // Whoever goes away in the middle of it is no fault.
    socket.on("error", () => socket.destroy());
    receive(request, socket, head).catch((error: unknown) => {
      onError(error);
      socket.destroy();
    });
  };

  async function receive(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    if (plainPath(request.url) === undefined) {
      refuse(socket, "400 Bad Request", "INVALID_PATH", "The path is not written in its plain form.");
      return;
    }
    const foreign = guard(request);
    if (foreign !== undefined) {
      refuse(socket, "403 Forbidden", "FOREIGN_ORIGIN", foreign);
      return;
    }
    const principal: Principal | AuthFailure = await authenticate()(request);
    if ("status" in principal) {
      const { status, code, message, challenge } = principal;
      const header = challenge === undefined ? "" : `www-authenticate: ${challenge}\r\n`;
      refuse(socket, `${status} ${TEXTS[status]}`, code, message, header);
      return;
    }
    const { caller } = principal;
    const pass = caller === undefined ? undefined : admitStream(caller);
    if (typeof pass === "object") {
      refuse(socket, "429 Too Many Requests", "RATE_LIMITED", pass.refuse.message, "retry-after: 1\r\n");
      return;
    }
    if (pass !== undefined) socket.once("close", pass);
    if (!front.upgrade(request, socket, head, caller))
      refuse(socket, "404 Not Found", "NOT_FOUND", "MCP over WebSocket is at /mcp.");
  }
}

const TEXTS = { 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden" } as const;

function refuse(socket: Duplex, status: string, code: string, message: string, headers = ""): void {
  const body = `${JSON.stringify({ error: { code, message } })}\n`;
  socket.end(
    `HTTP/1.1 ${status}\r\nconnection: close\r\n${headers}content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
