// A request that has been read whole: what of node:http's IncomingMessage is used here.
import type { IncomingHttpHeaders } from "node:http";
import type { Socket } from "node:net";
import type { ParsedRequest } from "./request-parser.ts";

export class WholeRequest {
  readonly method: string = "POST";
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they were sent. */
  readonly rawHeaders: readonly string[];
  readonly socket: Socket;
  readonly body: Buffer;

  constructor({ target, headers, rawHeaders, body }: ParsedRequest, socket: Socket) {
    this.url = target;
    this.headers = headers;
    this.rawHeaders = rawHeaders;
    this.socket = socket;
    this.body = body;
  }
}
