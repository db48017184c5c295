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
  /** Names of its dependencies. */
  readonly dependencies: readonly string[];
  /** Whether the registry is to be told where and from what it was built. */
  readonly hasProvenance: boolean;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly publishConfig?: { readonly provenance?: boolean };
}

/** Packs every package that is not private into `folder`, which must exist; the packages must be built. */
export async function packPackages(root: string, folder: string): Promise<readonly Tarball[]> {
  const tarballs: Tarball[] = [];
  for (const path of globSync("{packages,apps}/*/package.json", { cwd: root }).sort()) {
    const manifest = JSON.parse(readFileSync(join(root, path), "utf8")) as Manifest;
    if (manifest.private === true) continue;
    const file = join(folder, `${manifest.name.replaceAll(/[^a-z0-9-]/g, "_")}.tgz`);
    await runCommand("pnpm", ["pack", "--out", file], { cwd: join(root, dirname(path)) });
    const { name, version, dependencies = {}, publishConfig } = manifest;
    const hasProvenance = publishConfig?.provenance === true;
    tarballs.push({ name, version, file, dependencies: Object.keys(dependencies), hasProvenance });
  }
  return tarballs;
}
