// Errors which mean that the request never reached the target, as Node's sockets and undici report them.
const codes: ReadonlySet<unknown> = /* @__PURE__ */ new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/**
 * Whether the request was certainly not executed because no connection came about; then even what must not run twice may be
 * tried again. A connection that broke later is not such an error: the target may have been at work already. Looks into
 * `cause`, since `fetch` hides the socket's error there.
 */
export function wasNotSent(error: unknown): boolean {
  let current = error;
  for (let depth = 0; depth < 5 && typeof current === "object" && current !== null; depth += 1) {
    if ("code" in current && codes.has(current.code)) return true;
    current = "cause" in current ? current.cause : undefined;
  }
  return false;
}
