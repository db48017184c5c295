// Files are read only below folders that were named for it, whatever links lead elsewhere.
import { realpath } from "node:fs/promises";
import { isAbsolute, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { RagError } from "../errors.ts";

/** The real path of a file below one of the roots; relative ones are looked for below each. @throws RagError `PATH_NOT_ALLOWED`, `FILE_UNREADABLE` */
export async function resolveBelowRoots(path: string, roots: readonly string[]): Promise<string> {
  const asked = path.startsWith("file:") ? fileURLToPath(path) : path;
  const candidates = isAbsolute(asked) ? [asked] : roots.map((root) => join(root, asked));
  const realRoots = await Promise.all(roots.map((root) => realpath(root).catch(() => root)));
  let allowed = false;
  for (const candidate of candidates) {
    // A path that does not exist is judged by its words, so that the answer says nothing about what lies elsewhere.
    const real = await realpath(candidate).catch(() => undefined);
    if (!realRoots.some((root) => isBelow(real ?? candidate, root))) continue;
    if (real !== undefined) return real;
    allowed = true;
  }
  if (allowed)
    throw new RagError("FILE_UNREADABLE", `There is no file ${path} below the allowed folders.`, { path });
  throw new RagError(
    "PATH_NOT_ALLOWED",
    roots.length === 0
      ? "No folder is open to this server; start it with --root <folder>."
      : `${path} is not below a folder that is open to this server.`,
    { path },
  );
}

function isBelow(path: string, root: string): boolean {
  const way = relative(root, path);
  return way === "" || !(way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way));
}
