// Writes a planned configuration so that nobody ever sees half of it: a new file beside the old one, then a rename.
import { randomUUID } from "node:crypto";
import { chmod, copyFile, mkdir, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { HostConfigError } from "./errors.ts";
import type { HostConfigPlan } from "./plan.ts";

/**
 * Writes the file, and a copy of what it was beside it (`<name>.<time>.bak`). Nothing is written when nothing changes.
 *
 * @returns the copy; `undefined` when there was no file, or no change.
 * @throws {@link HostConfigError} `CONFIG_CHANGED` when the file is no longer what was planned with.
 */
export async function writeHostConfig({
  path,
  before,
  after,
  changed,
}: HostConfigPlan): Promise<{ readonly backupPath: string | undefined }> {
  if (!changed) return { backupPath: undefined };
  await mkdir(dirname(path), { recursive: true });
  // Such files are often links into a folder under version control: the file behind the link is replaced.
  const target = await realpath(path).catch(() => path);
  const current = await readFile(target, "utf8").catch(() => "");
  if (current !== before)
    throw new HostConfigError("CONFIG_CHANGED", path, `${path} was changed in the meantime; run this again`);
  const existing = await stat(target).catch(() => undefined);
  const backupPath =
    existing === undefined ? undefined : `${target}.${new Date().toISOString().replaceAll(/[:.]/g, "-")}.bak`;
  if (backupPath !== undefined) await copyFile(target, backupPath);
  const fresh = `${target}.${randomUUID()}.tmp`;
  try {
    // A configuration may hold tokens, so a new one is for its owner alone.
    await writeFile(fresh, after, { mode: 0o600, flush: true });
    if (existing !== undefined) await chmod(fresh, existing.mode & 0o777);
    await rename(fresh, target);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
  return { backupPath };
}
