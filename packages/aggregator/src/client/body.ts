// Reads a request's body with a bound that holds while it arrives.
import type { IncomingMessage } from "node:http";
import { WholeRequest } from "../http1/whole-request.ts";

/** The body, or `"too-large"`, or `"aborted"` when the client went away. */
export type Body = Buffer | "too-large" | "aborted";

/** Calls `done` once; at once where the body is there already. */
export function readBody(request: IncomingMessage, maxBytes: number, done: (body: Body) => void): void {
  if (request instanceof WholeRequest) {
    done(request.body.length > maxBytes ? "too-large" : request.body);
    return;
  }
  if (Number(request.headers["content-length"]) > maxBytes) {
    done("too-large");
    return;
  }
  const chunks: Buffer[] = [];
  let length = 0;
  let isDone = false;
  const end = (body: Body): void => {
    if (isDone) return;
    isDone = true;
    done(body);
  };
  request.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length > maxBytes) {
      request.pause();
      end("too-large");
    } else {
      chunks.push(chunk);
    }
  });
  request.on("end", () => end(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length)));
  request.on("error", () => end("aborted"));
  request.on("close", () => end("aborted"));
}
