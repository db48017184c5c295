// Prints request heads. Calls of one session differ in nothing but the length of their body, so what was printed last is
// kept for the next request with the same path and header fields.
import type { HttpRequest } from "./client.ts";

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Visible characters, spaces and tabs (RFC 9110, section 5.5); a line end would begin another field. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const PATH = /^\/[\x21-\x7e]*$/;
/** They say where a message ends and what becomes of the connection, which is not the caller's to say. */
const RESERVED: readonly string[] = [
  "host",
  "connection",
  "content-length",
  "transfer-encoding",
  "expect",
  "upgrade",
];

export class RequestHeads {
  readonly #host: string;
  #request: HttpRequest | undefined;
  #printed: Buffer = Buffer.alloc(0);

  /** @param host of the URL, with its port */
  constructor(host: string) {
    this.#host = host;
  }

  /** Up to the value of Content-Length, or whole where there is no body. @throws TypeError for fields that cannot be sent */
  of(request: HttpRequest): Buffer {
    const last = this.#request;
    if (
      last === undefined ||
      last.headers !== request.headers ||
      last.path !== request.path ||
      last.method !== request.method
    ) {
      this.#printed = this.#print(request);
      this.#request = request;
    }
    return this.#printed;
  }

  #print({ method, path, headers }: HttpRequest): Buffer {
    if (!PATH.test(path)) throw new TypeError(`a path that cannot be sent: ${JSON.stringify(path)}`);
    let text = `${method} ${path} HTTP/1.1\r\nhost: ${this.#host}\r\nconnection: keep-alive\r\n`;
    for (let at = 0; at < headers.length; at += 2) {
      const name = headers[at] ?? "";
      const value = headers[at + 1] ?? "";
      if (!TOKEN.test(name) || RESERVED.includes(name.toLowerCase()))
        throw new TypeError(`a header field that cannot be sent: ${JSON.stringify(name)}`);
      if (!VALUE.test(value))
        throw new TypeError(`the header field ${name} has characters that cannot be sent`);
      text += `${name}: ${value}\r\n`;
    }
    return Buffer.from(method === "POST" ? `${text}content-length: ` : `${text}\r\n`, "latin1");
  }
}
