// One HTTP request to the simulated host: its body in, JSON or an event stream out.
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Refusal } from "./refusal.ts";

export interface Frame {
  /** The `event:` line, where there is one. */
  readonly event?: string;
  readonly data: unknown;
}

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

/** A string goes out as a page, or as no body at all when it is empty; anything else as JSON. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const html = typeof body === "string";
  const text = html ? body : JSON.stringify(body);
  response.writeHead(status, {
    "content-type": html ? "text/html; charset=utf-8" : "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
    etag: `W/"${Buffer.byteLength(text).toString(16)}-${createHash("sha1").update(text).digest("base64").slice(0, 27)}"`,
    "x-powered-by": "Express",
  });
  response.end(text);
}

/** Sends a frame of an event stream; the head goes out before the first one. */
export function sendFrame(response: ServerResponse, { event, data }: Frame): void {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  writeStream(response, `${event === undefined ? "" : `event: ${event}\n`}data: ${text}\n\n`);
}

/** Two frames on one line, as captured once from a real host. */
export function sendSpliced(response: ServerResponse, first: unknown, second: unknown): void {
  const text = JSON.stringify(first);
  writeStream(
    response,
    `data: ${text.slice(0, Math.ceil(text.length / 2))}data: ${JSON.stringify(second)}\n\n`,
  );
}

function writeStream(response: ServerResponse, text: string): void {
  if (response.destroyed) return;
  if (!response.headersSent)
    response.writeHead(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-cache",
      "x-powered-by": "Express",
    });
  response.write(text);
}

/** The text of a field, or `undefined` for anything else. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** A number above 0, or `undefined` for anything else. */
export function countOf(value: unknown): number | undefined {
  return typeof value === "number" && value > 0 ? value : undefined;
}

export function isBody(value: unknown): value is Body {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
