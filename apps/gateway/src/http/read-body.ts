// The body of a request to the admin API: JSON, short, flat.
import type { IncomingMessage } from "node:http";

const MAX_BYTES = 256 * 1024;
const MAX_DEPTH = 32;

/** A body that cannot be used. */
export class BodyError extends Error {
  override readonly name = "BodyError";
  readonly code = "INVALID_BODY";
  readonly status: 400 | 413 | 415;

  constructor(status: 400 | 413 | 415, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** Reads it; an empty one counts as `{}`. @throws {@link BodyError} */
export async function readJsonBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BYTES)
      throw new BodyError(413, `The body is longer than the ${MAX_BYTES} bytes allowed.`);
    chunks.push(chunk);
  }
  if (length === 0) return {};
  // A form of another site cannot send this type without asking first.
  if (!/^application\/json\s*(;|$)/i.test(request.headers["content-type"] ?? ""))
    throw new BodyError(415, "Content-Type must be application/json.");
  if ((request.headers["content-encoding"] ?? "identity") !== "identity")
    throw new BodyError(415, "Content-Encoding is not supported; send the body as it is.");
  const text = Buffer.concat(chunks).toString("utf8");
  if (depthOf(text) > MAX_DEPTH)
    throw new BodyError(400, `The body is nested deeper than ${MAX_DEPTH} levels.`);
  let value: unknown;
  try {
    value = JSON.parse(text, (key, field: unknown) => {
      if (key === "__proto__") throw new SyntaxError('the key "__proto__" is not allowed');
      return field;
    });
  } catch (error) {
    throw new BodyError(400, `The body is not JSON: ${error instanceof Error ? error.message : ""}`, {
      cause: error,
    });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new BodyError(400, "The body must be a JSON object.");
  return value as Record<string, unknown>;
}

/** Brackets outside of strings; deep enough input would end JSON.stringify later. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (inString) {
      if (character === "\\") at++;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === "{" || character === "[") deepest = Math.max(deepest, ++depth);
    else if (character === "}" || character === "]") depth--;
  }
  return deepest;
}
