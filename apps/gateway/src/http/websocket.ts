// Upgrades to WebSocket: the same Host and Origin rules as for every other request, then MCP.
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocketFront } from "@fairlead/aggregator";
import { refuseForeign } from "./guard.ts";

/** `host` is the address that the gateway listens on. */
export function serveUpgrades(server: Server, front: WebSocketFront, host: string): void {
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const refusal = refuseForeign(request, host);
    if (refusal !== undefined) refuse(socket, "403 Forbidden", { code: "FOREIGN_ORIGIN", message: refusal });
    else if (!front.upgrade(request, socket, head))
      refuse(socket, "404 Not Found", { code: "NOT_FOUND", message: "MCP over WebSocket is at /mcp." });
  });
}

function refuse(
  socket: Duplex,
  status: string,
  error: { readonly code: string; readonly message: string },
): void {
  const body = `${JSON.stringify({ error })}\n`;
  socket.on("error", () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
