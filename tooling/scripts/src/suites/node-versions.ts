// Other Node versions, from the npm package `node`.
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { NodeVersion } from "./packed.ts";
import { runCommand } from "./run-command.ts";

/** Installs `node@<range>` into `folder` and asks it for its version. */
export async function installNode(range: string, folder: string): Promise<NodeVersion> {
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, "package.json"),
    JSON.stringify({ private: true, dependencies: { node: range } }),
  );
  await runCommand("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder });
  const candidates = [
    join(folder, "node_modules", "node", "bin", "node"),
    join(folder, "node_modules", ".bin", "node"),
  ];
  const path = candidates.find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Error(`node@${range} brought no executable into ${folder}`);
  const version = (await runCommand(path, ["--version"], { cwd: folder })).trim().replace(/^v/, "");
  return { version, path };
}

/** The oldest version that an `engines` range of the form `>=x.y.z` promises. */
export function oldestOf(engines: string): string {
  const match = /^>=\s*(\d+\.\d+\.\d+)$/.exec(engines);
  if (match?.[1] === undefined) throw new Error(`engines.node must look like ">=x.y.z", got "${engines}"`);
  return match[1];
}
