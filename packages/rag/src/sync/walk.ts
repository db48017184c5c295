// The files of a folder that are worth reading, in a stable order.
import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, matchesGlob, relative, sep } from "node:path";
import { formatOfFile } from "../parse/formats.ts";

export interface WalkOptions {
  /** Globs relative to the folder; a file must match one. @defaultValue every file whose format is known */
  readonly include?: readonly string[] | undefined;
  /** Globs relative to the folder; neither files nor folders that match one are looked at. */
  readonly exclude?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Never looked into: dependencies, build results, and whatever begins with a dot. */
const SKIPPED_FOLDERS: ReadonlySet<string> = new Set([
  "node_modules",
  "dist",
  "build",
  "target",
  "vendor",
  "__pycache__",
]);

/** Paths of files, sorted; symbolic links are not followed. */
export async function walkFolder(
  root: string,
  { include, exclude = [], signal }: WalkOptions,
): Promise<readonly string[]> {
  const files: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    signal?.throwIfAborted();
    let entries: Dirent[];
    try {
      entries = await readdir(folder, { withFileTypes: true });
    } catch (error) {
      // A folder that vanished, or is closed to us, is not looked into; the root itself must be readable.
      if (folder === root) throw error;
      return;
    }
    for (const entry of entries) {
      const path = join(folder, entry.name);
      const way = relative(root, path).split(sep).join("/");
      if (entry.name.startsWith(".") || exclude.some((glob) => matchesGlob(way, glob))) continue;
      if (entry.isDirectory()) {
        if (!SKIPPED_FOLDERS.has(entry.name)) await visit(path);
      } else if (
        entry.isFile() &&
        formatOfFile(path) !== undefined &&
        (include === undefined || include.some((glob) => matchesGlob(way, glob)))
      )
        files.push(path);
    }
  };
  await visit(root);
  return files.sort();
}
