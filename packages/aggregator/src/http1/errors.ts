// What goes wrong on a connection, beside what the system reports itself.

/** The server's bytes are no HTTP/1.1, or not in the one form that can be read in one way only. */
export class HttpProtocolError extends Error {
  override readonly name = "HttpProtocolError";
  readonly code = "HTTP_PROTOCOL";
}

/** The connection ended, or could not be made. */
export class HttpConnectionError extends Error {
  override readonly name = "HttpConnectionError";
  readonly code = "HTTP_CONNECTION";
}
