// What a published package brings along, from the lockfile: a CycloneDX bill of materials for each, as `npm run sbom` writes
// them, and whether it can be trusted to be whole.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "./run-command.ts";
import type { Tarball } from "./tarballs.ts";

interface Component {
  readonly name: string;
  readonly group?: string;
  readonly externalReferences?: readonly { readonly hashes?: readonly { readonly alg: string }[] }[];
}
interface Bill {
  readonly bomFormat: string;
  readonly components: readonly Component[];
}

/** Writes the bills into `folder`. @throws {@link Error} naming what one of them lacks, or has too much */
export async function checkBills(root: string, folder: string, tarballs: readonly Tarball[]): Promise<void> {
  const out = join(folder, "%s-%v.cdx.json");
  const filters = ["--filter", "./packages/*", "--filter", "./apps/gateway"];
  const options = ["--sbom-format", "cyclonedx", "--lockfile-only", "--prod", "--split", "--out", out];
  await runCommand("pnpm", [...filters, "sbom", ...options], { cwd: root });
  for (const { name, version, dependencies, hasProvenance } of tarballs) {
    const file = `${name.replace("@", "").replace("/", "-")}-${version}.cdx.json`;
    const { bomFormat, components } = JSON.parse(readFileSync(join(folder, file), "utf8")) as Bill;
    if (bomFormat !== "CycloneDX") throw new Error(`${file} is no CycloneDX bill`);
    const names = new Set(components.map(fullName));
    const missing = dependencies.filter((dependency) => !names.has(dependency));
    if (missing.length > 0) throw new Error(`${file} lacks ${missing.join(", ")}`);
    const unproven = components.filter((component) => !isOwn(component) && !hasHash(component)).map(fullName);
    if (unproven.length > 0) throw new Error(`${file} has no SHA-512 of ${unproven.join(", ")}`);
    const tools = ["vitest", "tsup", "typescript", "@biomejs/biome"].filter((tool) => names.has(tool));
    if (tools.length > 0) throw new Error(`${file} has what only builds: ${tools.join(", ")}`);
    if (!hasProvenance) throw new Error(`${name} is published without provenance; see publishConfig`);
  }
}

function fullName({ group, name }: Component): string {
  return group === undefined ? name : `${group}/${name}`;
}

function isOwn(component: Component): boolean {
  return fullName(component).startsWith("@fairlead/");
}

function hasHash({ externalReferences = [] }: Component): boolean {
  return externalReferences.some(({ hashes = [] }) => hashes.some(({ alg }) => alg === "SHA-512"));
}
