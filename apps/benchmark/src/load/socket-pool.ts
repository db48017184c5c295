// HTTP/1.1 requests over plain sockets, for load in an open loop: there the generator must never be what is late, and a
// full HTTP client costs it several times as much per call as the target needs to refuse one. Knows what MCP servers
// answer a POST with, a body of a stated length or in chunks, and nothing else.
import { connect, type Socket } from "node:net";

export interface SocketAnswer {
  readonly status: number;
  /** Of the response, in lower case. */
  header(name: string): string | undefined;
  readonly body: string;
}

export interface SocketPool {
  /** Requests that wait for a socket. */
  readonly waiting: number;
  /** `head` is everything before the length of the body: request line and header fields, each with its line end. */
  send(head: string, body: string): Promise<SocketAnswer>;
  close(): void;
}

interface Exchange {
  readonly request: string;
  resolve(answer: SocketAnswer): void;
  reject(error: Error): void;
}

/** Keeps up to `sockets` connections, opened when they are needed; further requests wait for one. */
export function createSocketPool(host: string, port: number, sockets: number): SocketPool {
  const idle: Connection[] = [];
  const open = new Set<Connection>();
  const queue: Exchange[] = [];

  function pump(): void {
    while (queue.length > 0) {
      const connection = idle.pop() ?? (open.size < sockets ? create() : undefined);
      const exchange = connection && queue.shift();
      if (exchange === undefined) return;
      connection?.begin(exchange);
    }
  }

  function create(): Connection {
    const connection = new Connection(connect({ host, port, noDelay: true }), {
      onFree() {
        idle.push(connection);
        pump();
      },
      onClose() {
        open.delete(connection);
        const at = idle.indexOf(connection);
        if (at !== -1) idle.splice(at, 1);
        pump();
      },
    });
    open.add(connection);
    return connection;
  }

  return {
    get waiting() {
      return queue.length;
    },
    send(head, body) {
      const request = `${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
      return new Promise((resolve, reject) => {
        queue.push({ request, resolve, reject });
        pump();
      });
    },
    close() {
      for (const connection of open) connection.destroy();
    },
  };
}

class Connection {
  readonly #socket: Socket;
  #exchange: Exchange | undefined;
  #read = "";

  constructor(
    socket: Socket,
    { onFree, onClose }: { readonly onFree: () => void; readonly onClose: () => void },
  ) {
    this.#socket = socket;
    // One byte, one character: lengths are of bytes.
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      this.#read += text;
      const exchange = this.#exchange;
      const answer = exchange === undefined ? undefined : parseAnswer(this.#read);
      if (answer === undefined) return;
      this.#read = "";
      this.#exchange = undefined;
      const mustClose = answer.header("connection") === "close";
      if (mustClose) socket.destroy();
      exchange?.resolve(answer);
      if (!mustClose) onFree();
    });
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => {
      this.#fail(new Error("the connection was closed before the answer"));
      onClose();
    });
  }

  begin(exchange: Exchange): void {
    this.#exchange = exchange;
    this.#socket.write(exchange.request);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    exchange?.reject(error);
  }
}

/** The answer, once it is complete. `text` has a character for each byte. */
export function parseAnswer(text: string): SocketAnswer | undefined {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd === -1) return undefined;
  const head = text.slice(0, headEnd + 2);
  const header = (name: string): string | undefined =>
    new RegExp(`\r\n${name}: *([^\r]*)\r\n`, "i").exec(head)?.[1];
  const rest = text.slice(headEnd + 4);
  const body =
    header("transfer-encoding") === "chunked"
      ? unchunked(rest)
      : withLength(rest, Number(header("content-length") ?? 0));
  if (body === undefined) return undefined;
  return { status: Number(head.slice(9, 12)), header, body: Buffer.from(body, "latin1").toString() };
}

function withLength(rest: string, length: number): string | undefined {
  return rest.length < length ? undefined : rest.slice(0, length);
}

function unchunked(rest: string): string | undefined {
  let body = "";
  for (let at = 0; ; ) {
    const lineEnd = rest.indexOf("\r\n", at);
    if (lineEnd === -1) return undefined;
    const length = Number.parseInt(rest.slice(at, lineEnd), 16);
    const start = lineEnd + 2;
    if (rest.length < start + length + 2) return undefined;
    if (length === 0) return body;
    body += rest.slice(start, start + length);
    at = start + length + 2;
  }
}
