// An empty npm project that has nothing but what is installed into it.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Lockfile } from "./dependency-tree.ts";
import { runCommand } from "./run-command.ts";
import type { Tarball } from "./tarballs.ts";

export interface ProjectOptions {
  /** Folder to create. */
  readonly folder: string;
  /** Workspace packages to install; the other tarballs stand in where these ask for them. */
  readonly packages: readonly string[];
  readonly tarballs: readonly Tarball[];
  /** Further npm packages with their versions. */
  readonly others?: Readonly<Record<string, string>>;
}

/** Runs `npm install` in a new folder; nothing of this workspace is fetched from the registry. */
export async function installProject({
  folder,
  packages,
  tarballs,
  others = {},
}: ProjectOptions): Promise<Lockfile> {
  const fileOf = ({ file }: Tarball): string => `file:${file}`;
  const wanted = tarballs.filter(({ name }) => packages.includes(name));
  const standIns = tarballs.filter(({ name }) => !packages.includes(name));
  const manifest = {
    private: true,
    type: "module",
    dependencies: { ...Object.fromEntries(wanted.map((one) => [one.name, fileOf(one)])), ...others },
    overrides: Object.fromEntries(standIns.map((one) => [one.name, fileOf(one)])),
  };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), JSON.stringify(manifest, null, 2));
  await runCommand("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder });
  return JSON.parse(await readFile(join(folder, "package-lock.json"), "utf8")) as Lockfile;
}
