// One HTTP request to the simulated host: its body in, JSON or an event stream out.
import type { IncomingMessage, ServerResponse } from "node:http";
import { Refusal } from "./refusal.ts";

export type Body = Readonly<Record<string, unknown>>;

/** The body as JSON. @throws {@link Refusal} when it is none, or too large. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Body> {
  // Multipart is refused with 415.
  const type = request.headers["content-type"] ?? "application/json";
  if (!type.includes("json")) throw new Refusal(415, { error: `Unsupported content type: ${type}` });
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Refusal(413, { error: "request entity too large" });
    chunks.push(chunk);
  }
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new Refusal(400, { error: "Unexpected token in JSON" });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Refusal(400, { error: "Cannot read properties of null" });
  return value as Body;
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const html = typeof body === "string";
  const text = html ? body : JSON.stringify(body);
  response.writeHead(status, {
    "content-type": html ? "text/html; charset=utf-8" : "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
    "x-powered-by": "Express",
  });
  response.end(text);
}

export interface EventStream {
  /** Sends `data:` frames; the head goes out before the first one. */
  data(value: unknown): void;
  /** Two frames on one line, as captured once from a real host. */
  spliced(first: unknown, second: unknown): void;
  error(message: string): void;
  end(): void;
}

export function openEventStream(response: ServerResponse): EventStream {
  return {
    data: (value) => write(`data: ${JSON.stringify(value)}\n\n`),
    spliced: (first, second) => {
      const text = JSON.stringify(first);
      write(`data: ${text.slice(0, Math.ceil(text.length / 2))}data: ${JSON.stringify(second)}\n\n`);
    },
    error: (message) => write(`event: error\ndata: ${JSON.stringify({ error: { message }, message })}\n\n`),
    end: () => {
      write("data: [DONE]\n\n");
      response.end();
    },
  };

  function write(text: string): void {
    if (response.destroyed) return;
    if (!response.headersSent)
      response.writeHead(200, {
        "content-type": "text/event-stream",
        "cache-control": "no-cache",
        "x-powered-by": "Express",
      });
    response.write(text);
  }
}
