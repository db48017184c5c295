// The published packages as they would arrive from the registry: packed by pnpm, which resolves `workspace:`,
// `catalog:` and publishConfig.
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { runCommand } from "./run-command.ts";

export interface Tarball {
  readonly name: string;
  readonly version: string;
  /** Path of the packed file. */
  readonly file: string;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
}

/** Packs every package that is not private into `folder`, which must exist; the packages must be built. */
export async function packPackages(root: string, folder: string): Promise<readonly Tarball[]> {
  const tarballs: Tarball[] = [];
  for (const path of globSync("{packages,apps}/*/package.json", { cwd: root }).sort()) {
    const manifest = JSON.parse(readFileSync(join(root, path), "utf8")) as Manifest;
    if (manifest.private === true) continue;
    const file = join(folder, `${manifest.name.replaceAll(/[^a-z0-9-]/g, "_")}.tgz`);
    await runCommand("pnpm", ["pack", "--out", file], { cwd: join(root, dirname(path)) });
    tarballs.push({ name: manifest.name, version: manifest.version, file });
  }
  return tarballs;
}
