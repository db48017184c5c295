// Keeps web pages away from a gateway on loopback (DNS rebinding, cross-site requests): the Host header must be the
// gateway's own, and a browser's Origin must be the gateway itself.
import type { IncomingMessage } from "node:http";

const LOOPBACK_NAMES = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Whether `host` is an address that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Why a request is refused, or undefined when it may pass. */
export function refuseForeign({ headers, rawHeaders }: IncomingMessage, host: string): string | undefined {
  if (headers.host === undefined || !isOwn(headers.host, host)) {
    return `The Host header "${headers.host ?? ""}" is not this gateway's; use http://${host}`;
  }
  // node:http joins repeated ones, so none at all is plain to see; and that is every client but a browser.
  const { origin } = headers;
  if (origin === undefined) return undefined;
  const origins = rawHeaders.filter(
    (_, at) => at % 2 === 0 && rawHeaders[at]?.toLowerCase() === "origin",
  ).length;
  const own = origins === 1 && /^https?:\/\//.test(origin) && isOwn(origin.replace(/^https?:\/\//, ""), host);
  return own ? undefined : `The Origin "${origin}" may not use this gateway`;
}

/** `authority` is `name` or `name:port`; the port does not matter, since a page on any port of this machine is local. */
function isOwn(authority: string, host: string): boolean {
  const name = authority.replace(/:\d{1,5}$/, "").toLowerCase();
  return LOOPBACK_NAMES.has(name) || name === host.toLowerCase();
}
