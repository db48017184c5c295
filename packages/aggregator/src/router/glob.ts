// Globs with one wildcard: `*` is any characters, also none. Each part is looked for once, from left to right, so matching
// takes at most (length of the text) × (length of the pattern), whatever either says; a regular expression would promise less.

/** Tells whether a text matches one of the globs. */
export type Matcher = (text: string) => boolean;

/** A matcher for any of `globs`; undefined, which stands for "everything matches", when one of them is `*`. */
export function compileGlobs(globs: readonly string[]): Matcher | undefined {
  if (globs.includes("*")) return undefined;
  const exact = new Set(globs.filter((glob) => !glob.includes("*")));
  const patterns = globs.filter((glob) => glob.includes("*")).map((glob) => glob.split("*"));
  if (patterns.length === 0) return (text) => exact.has(text);
  return (text) => exact.has(text) || patterns.some((parts) => matches(parts, text));
}

function matches(parts: readonly string[], text: string): boolean {
  const first = parts[0] ?? "";
  const last = parts[parts.length - 1] ?? "";
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false;
  const end = text.length - last.length;
  let at = first.length;
  for (let part = 1; part < parts.length - 1; part++) {
    const wanted = parts[part] ?? "";
    const found = text.indexOf(wanted, at);
    if (found === -1 || found + wanted.length > end) return false;
    at = found + wanted.length;
  }
  return true;
}
