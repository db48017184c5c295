// One connection to a server, used for one request at a time.
import { connect as connectTcp, type Socket, type TcpNetConnectOpts } from "node:net";
import { connect as connectTls } from "node:tls";
import type { HttpExchangeControl, HttpRequest, HttpResponseHandler } from "./client.ts";
import { HttpConnectionError } from "./errors.ts";
import { KEEP_ALIVE_MS, type ResponseListener, ResponseParser } from "./response-parser.ts";

export interface Address {
  readonly connect: TcpNetConnectOpts | { readonly path: string };
  /** Undefined without TLS. An address has no server name to send. */
  readonly tls: { readonly servername?: string; readonly ca?: string } | undefined;
}

export interface ConnectionOwner {
  onConnect(): void;
  /** Ready for another request. */
  onIdle(): void;
  /** `wasConnected` is false when it never stood. */
  onClose(error: Error, wasConnected: boolean): void;
}

/** One buffer that all connections read into: a reading is dealt with before the next one begins. */
const READING = Buffer.allocUnsafeSlow(64 * 1024);
/** Up to here a request is one write; beyond, copying its body costs more than a second buffer. */
const ONE_WRITE_BYTES = 3 * 1024;

export class ClientConnection implements HttpExchangeControl, ResponseListener {
  readonly #owner: ConnectionOwner;
  readonly #socket: Socket;
  readonly #parser: ResponseParser;
  #handler: HttpResponseHandler | undefined;
  #timer: NodeJS.Timeout | undefined;
  #connected = false;
  /** Whether a request is about to be written. */
  #isStarting = false;
  #closed = false;
  #idleUntil = 0;

  constructor(address: Address, connectTimeoutMs: number, owner: ConnectionOwner) {
    this.#owner = owner;
    this.#parser = new ResponseParser(this);
    this.#socket = this.#open(address);
    this.#timer = setTimeout(
      () => this.break(new HttpConnectionError(`no connection within ${connectTimeoutMs} ms`)),
      connectTimeoutMs,
    );
  }

  /** Whether it may be given a request. */
  get isUsable(): boolean {
    return !this.#closed && this.#socket.readable && performance.now() < this.#idleUntil;
  }

  /** @param head as `RequestHeads` prints it */
  send(request: HttpRequest, head: Buffer, handler: HttpResponseHandler): void {
    this.#handler = handler;
    if (request.timeoutMs !== undefined) {
      const { timeoutMs } = request;
      this.#timer = setTimeout(
        () => this.break(new HttpConnectionError(`no answer within ${timeoutMs} ms`)),
        timeoutMs,
      );
    }
    this.#isStarting = true;
    handler.onRequestStart(this);
    this.#isStarting = false;
    if (this.#handler !== handler) {
      if (!this.#closed) this.#owner.onIdle();
      return;
    }
    const { body, method } = request;
    if (method !== "POST") {
      this.#socket.write(head);
      return;
    }
    const length = body?.length ?? 0;
    const end = `${length}\r\n\r\n`;
    if (length > ONE_WRITE_BYTES) {
      this.#sendInPieces(head, end, body);
      return;
    }
    const out = Buffer.allocUnsafe(head.length + end.length + length);
    head.copy(out);
    const at = head.length + out.write(end, head.length, "latin1");
    if (Buffer.isBuffer(body)) body.copy(out, at);
    else body?.copyTo(out, at);
    this.#socket.write(out);
  }

  #sendInPieces(head: Buffer, end: string, body: HttpRequest["body"]): void {
    const socket = this.#socket;
    socket.cork();
    socket.write(head);
    socket.write(end, "latin1");
    if (Buffer.isBuffer(body)) socket.write(body);
    else for (const piece of body?.pieces() ?? []) socket.write(piece);
    socket.uncork();
  }

  abort(error: Error): void {
    if (!this.#isStarting) {
      this.break(error);
      return;
    }
    // Nothing has been written: the connection is as good as before.
    const handler = this.#handler;
    this.#done();
    handler?.onResponseError(error);
  }

  pause(): void {
    if (!this.#closed) this.#socket.pause();
  }

  resume(): void {
    if (!this.#closed) this.#socket.resume();
  }

  onHead(status: number, headers: readonly string[]): void {
    this.#handler?.onResponseStart(this, status, headers);
  }

  onBody(part: Buffer): void {
    this.#handler?.onResponseData(this, part);
  }

  onEnd(): void {
    const handler = this.#handler;
    this.#done();
    handler?.onResponseEnd();
  }

  #done(): void {
    this.#handler = undefined;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Ends it at once; whoever waits is told why. */
  break(error: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#parser.stop();
    clearTimeout(this.#timer);
    this.#socket.destroy();
    const handler = this.#handler;
    this.#handler = undefined;
    this.#owner.onClose(error, this.#connected);
    handler?.onResponseError(error);
  }

  #open({ connect, tls }: Address): Socket {
    const read = (chunk: Buffer): void => this.#read(chunk);
    const isTls = tls !== undefined;
    const socket = isTls
      ? connectTls({ ...connect, ...tls, ALPNProtocols: ["http/1.1"] })
      : connectTcp({
          ...connect,
          noDelay: true,
          onread: {
            buffer: READING,
            callback: (length) => {
              read(READING.subarray(0, length));
              return true;
            },
          },
        });
    if (isTls) {
      socket.setNoDelay(true);
      socket.on("data", read);
    }
    socket.once(isTls ? "secureConnect" : "connect", () => this.#stands());
    socket.on("error", (error) => this.break(error));
    socket.on("end", () => this.#ended());
    socket.on("close", () => this.break(new HttpConnectionError("the server closed the connection")));
    return socket;
  }

  #stands(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#connected = true;
    this.#idleUntil = performance.now() + KEEP_ALIVE_MS;
    this.#owner.onConnect();
  }

  #read(chunk: Buffer): void {
    if (this.#closed) return;
    if (this.#handler === undefined) {
      this.break(new HttpConnectionError("the server said something that nobody asked for"));
      return;
    }
    let used: number;
    try {
      used = this.#parser.push(chunk);
    } catch (error) {
      this.break(error as Error);
      return;
    }
    if (this.#closed || this.#handler !== undefined) return;
    const { keepAliveMs } = this.#parser;
    // What comes behind a response, or before its request has gone out whole, makes the next one uncertain.
    if (used < chunk.length || keepAliveMs === 0 || this.#socket.writableLength > 0) {
      this.break(new HttpConnectionError("the connection cannot be used again"));
      return;
    }
    this.#idleUntil = performance.now() + keepAliveMs;
    this.#owner.onIdle();
  }

  #ended(): void {
    if (this.#closed) return;
    // Without a length, the end of the connection is the end of the response.
    const isWhole = this.#handler !== undefined && !this.#parser.isBetween && this.#parser.finish();
    this.break(
      new HttpConnectionError(
        isWhole ? "the connection has ended" : "the server closed the connection before its answer was whole",
      ),
    );
  }
}
