// The same endpoint for frameworks that speak the web's `Request` and `Response` (Hono, Next.js, Bun, Deno, service
// workers): the HTTP handler runs on a pair of streams that stand for Node's request and response.
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { Readable, Writable } from "node:stream";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import type { Caller } from "../caller.ts";

type Handle = (request: IncomingMessage, response: ServerResponse, caller?: Caller) => boolean;

/** Belongs to a connection that the framework keeps to itself. */
const HOP_BY_HOP = new Set(["connection", "keep-alive", "transfer-encoding"]);
/** nginx's status for it; nobody is there to see it, but frameworks want one. */
const CLIENT_CLOSED_REQUEST = 499;
const WITHOUT_BODY = new Set([101, 204, 205, 304]);

/** Makes a web-standard handler of Node's. What is no path of MCP is answered with 404. */
export function createFetchHandler(handle: Handle): (request: Request, caller?: Caller) => Promise<Response> {
  /** Stands for the connections, which cannot be told apart here: who is not named counts as one caller. */
  const socket = {};

  return (request, caller) =>
    new Promise((resolve) => {
      const response = new WebResponse(resolve);
      const incoming = incomingOf(request, socket);
      // A client that breaks off while it sends waits for no answer.
      incoming.once("error", () => void response.destroy());
      const onAbort = (): void => {
        incoming.destroy();
        response.destroy();
      };
      request.signal.addEventListener("abort", onAbort, { once: true });
      response.once("close", () => {
        request.signal.removeEventListener("abort", onAbort);
        // What is left of a body that was refused need not be read.
        incoming.destroy();
      });
      if (request.signal.aborted) onAbort();
      // The two have what the handler uses of Node's classes, which cannot be made without a socket.
      const taken = handle(
        incoming as unknown as IncomingMessage,
        response as unknown as ServerResponse,
        caller,
      );
      if (taken) return;
      response.writeHead(404, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: "not found" }));
    });
}

function incomingOf(request: Request, socket: object): Readable {
  const { pathname, search } = new URL(request.url);
  const body =
    request.body === null
      ? Readable.from([])
      : Readable.fromWeb(request.body as NodeReadableStream<Uint8Array>);
  return Object.assign(body, {
    method: request.method,
    url: pathname + search,
    headers: Object.fromEntries(request.headers),
    socket,
  });
}

/** What Node's handler writes to, as far as it uses it; becomes a `Response` with its first bytes. */
class WebResponse extends Writable {
  statusCode = 200;
  headersSent = false;
  readonly #headers = new Headers();
  readonly #resolve: (response: Response) => void;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #onPull: (() => void) | undefined;

  constructor(resolve: (response: Response) => void) {
    super({ decodeStrings: true });
    this.#resolve = resolve;
    // Destroyed without an error of its own, it ends as if the connection had been cut.
    this.on("error", () => {});
  }

  setHeader(name: string, value: number | string | readonly string[]): this {
    if (!HOP_BY_HOP.has(name.toLowerCase()))
      this.#headers.set(name, Array.isArray(value) ? value.join(", ") : String(value));
    return this;
  }

  getHeader(name: string): string | undefined {
    return this.#headers.get(name) ?? undefined;
  }

  /** Takes both forms that Node's does: an object, or names and values in turn. */
  writeHead(status: number, headers: OutgoingHttpHeaders | readonly string[] = {}): this {
    this.statusCode = status;
    const fields: [string, number | string | readonly string[] | undefined][] = isFlat(headers)
      ? headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1]]] : []))
      : Object.entries(headers);
    for (const [name, value] of fields) if (value !== undefined) this.setHeader(name, value);
    return this;
  }

  flushHeaders(): void {
    if (this.headersSent) return;
    this.headersSent = true;
    const { statusCode: status } = this;
    const body = WITHOUT_BODY.has(status) ? null : this.#bodyStream();
    this.#resolve(new Response(body, { status, headers: this.#headers }));
  }

  override _write(chunk: Buffer, _encoding: string, written: () => void): void {
    this.flushHeaders();
    const controller = this.#controller;
    controller?.enqueue(chunk);
    // Whoever reads sets the pace: the next write waits until this one has been taken.
    if (controller === undefined || (controller.desiredSize ?? 1) > 0) written();
    else this.#onPull = written;
  }

  override _final(done: () => void): void {
    this.flushHeaders();
    this.#controller?.close();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const isWhole = this.writableFinished;
    if (!isWhole && this.headersSent)
      this.#controller?.error(error ?? new Error("The connection was closed"));
    // Nobody may be left waiting for a response, not even who went away.
    if (!this.headersSent) this.#resolve(new Response(null, { status: CLIENT_CLOSED_REQUEST }));
    done(error);
  }

  #bodyStream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          const written = this.#onPull;
          this.#onPull = undefined;
          written?.();
        },
        cancel: () => {
          this.#controller = undefined;
          this.destroy();
        },
      },
      { highWaterMark: 1 },
    );
  }
}

function isFlat(headers: OutgoingHttpHeaders | readonly string[]): headers is readonly string[] {
  return Array.isArray(headers);
}
