// Sessions of clients up to 2025-11-25: a server and a transport each, so that a cancellation finds the call it is about.
import { type McpServer, WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/server";

export interface LegacySessions {
  fetch(request: Request): Promise<Response>;
  close(): Promise<void>;
}

export interface LegacySessionOptions {
  readonly maxSessions: number;
  readonly maxBodyBytes: number;
  readonly newId: () => string;
}

export function createLegacySessions(
  factory: () => McpServer,
  options: LegacySessionOptions,
): LegacySessions {
  const { maxSessions, maxBodyBytes, newId } = options;
  if (!Number.isInteger(maxSessions) || maxSessions < 1)
    throw new RangeError(`maxSessions must be an integer from 1, got ${maxSessions}`);
  /** The one used last comes last. */
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();

  return {
    async fetch(request) {
      const id = request.headers.get("mcp-session-id");
      if (id === null) return (await begin()).handleRequest(request);
      const transport = sessions.get(id);
      if (transport === undefined) return unknownSession();
      sessions.delete(id);
      sessions.set(id, transport);
      return transport.handleRequest(request);
    },
    async close() {
      await Promise.all([...sessions.values()].map((transport) => transport.close()));
      sessions.clear();
    },
  };

  /** Only a request that opens a session stays; the transport refuses any other. */
  async function begin(): Promise<WebStandardStreamableHTTPServerTransport> {
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: newId,
      maxRequestBodySize: maxBodyBytes,
      onsessioninitialized: (id) => {
        sessions.set(id, transport);
        for (const [oldest, other] of sessions) {
          if (sessions.size <= maxSessions) break;
          sessions.delete(oldest);
          void other.close();
        }
      },
      onsessionclosed: (id) => void sessions.delete(id),
    });
    await factory().connect(transport);
    return transport;
  }
}

/** 404 makes a client begin a new session. */
function unknownSession(): Response {
  const error = { code: -32_001, message: "Session not found" };
  return Response.json({ jsonrpc: "2.0", error, id: null }, { status: 404 });
}
