// Two parsers that read a path differently are a hole (CVE-2026-29087, CVE-2026-39406): what is not written in its one
// plain form is refused before anything is decided by it.

/** Nearly all requests are for the same one. */
let lastPlain: string | undefined;

/** The path of a request target without its query, or undefined when it is not in plain form. */
export function plainPath(target: string | undefined): string | undefined {
  if (target === lastPlain) return lastPlain;
  const path = (target ?? "").split("?", 1)[0] ?? "";
  const isPlain = /^\/(?:[A-Za-z0-9._~:@!$&'()*+,;=-]+(?:\/|$))*$/.test(path);
  if (!isPlain || path.split("/").some((part) => part === "." || part === "..")) return undefined;
  if (path === target) lastPlain = path;
  return path;
}
