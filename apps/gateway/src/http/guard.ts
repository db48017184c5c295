// Keeps web pages away from the gateway (DNS rebinding, cross-site requests): the Host header must be one that the gateway
// is known by, and a browser's Origin must be the gateway itself.
import type { IncomingMessage } from "node:http";

const LOOPBACK_NAMES: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

/** Whether `host` is an address that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Whether `host` stands for every address of the machine. */
export function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

export interface GuardOptions {
  /** The address that the gateway listens on. */
  readonly host: string;
  /** Names that it is reached by besides, without ports. */
  readonly allowedHosts: readonly string[];
  /** Origins of web pages that may use it: `https://app.example`. */
  readonly allowedOrigins: readonly string[];
}

/** Says why a request is refused, or undefined when it may pass. */
export type Guard = (request: IncomingMessage) => string | undefined;

export function createGuard({ host, allowedHosts, allowedOrigins }: GuardOptions): Guard {
  const bound = host.includes(":") ? `[${host}]` : host;
  const own = isWildcard(host) ? LOOPBACK_NAMES : [bound, ...(isLoopback(host) ? LOOPBACK_NAMES : [])];
  const names = new Set([...own, ...allowedHosts].map((name) => name.toLowerCase()));
  const origins = new Set(allowedOrigins.map((origin) => origin.toLowerCase()));
  /** Connections stay, and with them what their client calls this gateway. */
  let lastOwn: string | undefined;

  return ({ headers, rawHeaders }) => {
    if (headers.host === undefined || !isOwn(headers.host) || count(rawHeaders, "host") > 1)
      return `The Host header "${headers.host ?? ""}" is not this gateway's; use http://${bound}, or name it in server.allowedHosts`;
    const sent = count(rawHeaders, "origin");
    if (sent === 0) return undefined;
    const { origin = "" } = headers;
    const isPage = /^https?:\/\//.test(origin) && isOwn(origin.replace(/^https?:\/\//, ""));
    if (sent === 1 && (isPage || origins.has(origin.toLowerCase()))) return undefined;
    return `The Origin "${origin}" may not use this gateway; see server.allowedOrigins`;
  };

  /** `authority` is `name` or `name:port`; the port does not matter, since a page on any port of this machine is local. */
  function isOwn(authority: string): boolean {
    if (authority === lastOwn) return true;
    if (!names.has(authority.replace(/:\d{1,5}$/, "").toLowerCase())) return false;
    lastOwn = authority;
    return true;
  }
}

function count(rawHeaders: readonly string[], name: string): number {
  const first = name.charCodeAt(0);
  let found = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const other = rawHeaders[at] as string;
    // Nearly all others differ here already, whatever their case is.
    if (other.length !== name.length || (other.charCodeAt(0) | 0x20) !== first) continue;
    if (other.toLowerCase() === name) found++;
  }
  return found;
}
