// The answer to a request that was read whole: what of node:http's ServerResponse is used here, written in as few pieces as
// can be.
import { type OutgoingHttpHeaders, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { type Spliced, wholeOf } from "../wire/splice.ts";

/** The connection that it goes out on. */
export interface ResponseConnection {
  readonly socket: Socket;
  /** Whether the client wants it to end with this response. */
  readonly isLast: boolean;
  /** Seconds that it is kept for another request. */
  readonly keepAliveSeconds: number;
  /** Called by the socket when the last piece of a response has gone to the system; tells that response. */
  readonly onFlushed: (error?: Error | null) => void;
  /** Something waits for the client to read. */
  onStall(): void;
  /** The whole response has been written. */
  onWritten(isLast: boolean): void;
}

const NO_FIELDS: readonly string[] = [];
/** The head that was printed last for fields that cannot change. */
let printed:
  | {
      readonly status: number;
      readonly headers: OutgoingHttpHeaders | readonly string[];
      readonly head: string;
    }
  | undefined;
/** Up to here head and body go out as one buffer; beyond, copying costs more than a second one. */
const ONE_WRITE_BYTES = 3 * 1024;
const FIELD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Of `close`: once, when it has been written or its connection is gone; and of `drain`. */
interface Listener {
  readonly event: string;
  readonly listener: () => void;
  readonly isOnce: boolean;
}

export class WholeResponse {
  readonly #connection: ResponseConnection;
  statusCode = 200;
  headersSent = false;
  writableEnded = false;
  /** Whether all of it has gone to the system. */
  writableFinished = false;
  destroyed = false;
  /** Status line and fields, while they have not been sent. */
  #head = "";
  #hasLength = false;
  #isChunked = false;
  #isLast: boolean;
  #listeners: Listener[] | undefined;

  constructor(connection: ResponseConnection) {
    this.#connection = connection;
    this.#isLast = connection.isLast;
  }

  get socket(): Socket {
    return this.#connection.socket;
  }

  /** Bytes that wait for the client to read. */
  get writableLength(): number {
    return this.#connection.socket.writableLength;
  }

  on(event: string, listener: () => void): this {
    return this.#listen({ event, listener, isOnce: false });
  }

  once(event: string, listener: () => void): this {
    return this.#listen({ event, listener, isOnce: true });
  }

  #listen(one: Listener): this {
    if (this.#listeners === undefined) this.#listeners = [one];
    else this.#listeners.push(one);
    return this;
  }

  emit(event: string): void {
    const listeners = this.#listeners;
    if (listeners === undefined) return;
    if (listeners.some(({ isOnce }) => isOnce))
      this.#listeners = listeners.filter((one) => one.event !== event || !one.isOnce);
    for (const one of listeners) if (one.event === event) one.listener();
  }

  /** A constant list of fields is printed once. @throws TypeError for fields that cannot be sent */
  writeHead(status: number, headers: OutgoingHttpHeaders | readonly string[] = NO_FIELDS): this {
    this.statusCode = status;
    if (printed !== undefined && printed.status === status && printed.headers === headers) {
      this.#head = printed.head;
      this.#hasLength = false;
      return this;
    }
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Unknown"}\r\n`;
    const fields = isFlat(headers) ? headers : Object.entries(headers).flat();
    for (let at = 0; at < fields.length; at += 2) {
      const name = String(fields[at]);
      const value = String(fields[at + 1]);
      if (!FIELD.test(name) || !VALUE.test(value))
        throw new TypeError(`The header field ${JSON.stringify(name)} cannot be sent`);
      if (name === "connection") {
        if (value === "close") this.#isLast = true;
        continue;
      }
      if (name === "content-length") this.#hasLength = true;
      head += `${name}: ${value}\r\n`;
    }
    this.#head = head;
    if (Object.isFrozen(headers) && !this.#hasLength && !this.#isLast) printed = { status, headers, head };
    return this;
  }

  /** Sends the head before there is a body. */
  flushHeaders(): void {
    if (this.headersSent || this.destroyed) return;
    this.#connection.socket.write(this.#takeHead(undefined), "latin1");
  }

  /** @returns false when the client should be given time to read */
  write(part: Buffer | string): boolean {
    if (this.destroyed || this.writableEnded) return false;
    const { socket } = this.#connection;
    const bytes = typeof part === "string" ? Buffer.from(part) : part;
    socket.cork();
    this.flushHeaders();
    if (bytes.length > 0) {
      if (this.#isChunked) socket.write(`${bytes.length.toString(16)}\r\n`, "latin1");
      socket.write(bytes);
      if (this.#isChunked) socket.write("\r\n", "latin1");
    }
    socket.uncork();
    this.#noteStall();
    return !socket.writableNeedDrain;
  }

  end(part?: Buffer | Spliced | string): void {
    if (this.destroyed || this.writableEnded) return;
    const { socket, onFlushed } = this.#connection;
    const bytes = typeof part === "string" ? Buffer.from(part) : part;
    const length = bytes?.length ?? 0;
    if (this.headersSent) {
      if (bytes !== undefined) this.write(wholeOf(bytes));
      this.writableEnded = true;
      socket.write(this.#isChunked ? "0\r\n\r\n" : "", "latin1", onFlushed);
      this.#noteStall();
      return;
    }
    this.writableEnded = true;
    const head = this.#takeHead(length);
    if (bytes === undefined || length === 0) socket.write(head, "latin1", onFlushed);
    else if (length <= ONE_WRITE_BYTES) {
      const out = Buffer.allocUnsafe(head.length + length);
      out.write(head, 0, "latin1");
      if (Buffer.isBuffer(bytes)) bytes.copy(out, head.length);
      else bytes.copyTo(out, head.length);
      socket.write(out, onFlushed);
    } else {
      socket.cork();
      socket.write(head, "latin1");
      const pieces = Buffer.isBuffer(bytes) ? [bytes] : bytes.pieces();
      for (const [at, piece] of pieces.entries())
        socket.write(piece, at === pieces.length - 1 ? onFlushed : undefined);
      socket.uncork();
    }
    this.#noteStall();
  }

  #noteStall(): void {
    if (this.#connection.socket.writableLength > 0) this.#connection.onStall();
  }

  /** Breaks the connection. */
  destroy(): this {
    this.#connection.socket.destroy();
    this.onGone();
    return this;
  }

  /** The connection is gone. */
  onGone(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    if (!this.writableFinished) this.emit("close");
  }

  /** All of it has gone to the system. */
  onFlushed(): void {
    if (this.destroyed || this.writableFinished) return;
    this.writableFinished = true;
    this.emit("close");
    this.#connection.onWritten(this.#isLast);
  }

  /** @param length of the body, when all of it is known */
  #takeHead(length: number | undefined): string {
    if (this.#head === "") this.writeHead(this.statusCode);
    this.headersSent = true;
    let head = this.#head;
    const hasBody = this.statusCode >= 200 && this.statusCode !== 204 && this.statusCode !== 304;
    if (!this.#hasLength && hasBody) {
      if (length === undefined) {
        this.#isChunked = true;
        head += "transfer-encoding: chunked\r\n";
      } else head += `content-length: ${length}\r\n`;
    }
    head += this.#isLast
      ? "connection: close\r\n"
      : `connection: keep-alive\r\nkeep-alive: timeout=${this.#connection.keepAliveSeconds}\r\n`;
    return `${head}date: ${currentDate()}\r\n\r\n`;
  }
}

let dateText = "";
let dateSecond = 0;

/** As header fields have it; one text a second. */
function currentDate(): string {
  const now = Date.now();
  const second = Math.floor(now / 1_000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(now).toUTCString();
  }
  return dateText;
}

function isFlat(headers: OutgoingHttpHeaders | readonly string[]): headers is readonly string[] {
  return Array.isArray(headers);
}
