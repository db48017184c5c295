// The import direction of ARCHITECTURE §1, checked file by file against the package table.
import { globSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, relative, resolve, sep } from "node:path";
import type { PackageRow } from "../package-table.ts";
import { type ImportReference, readImports } from "./read-imports.ts";

export interface ImportCheck {
  /** One per problem: `file:line: what is wrong; what is allowed`. */
  readonly violations: readonly string[];
  readonly files: number;
  readonly packages: number;
}

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Workspace {
  /** Absolute. */
  readonly folder: string;
  readonly manifest: Manifest;
}

/** Checks `packages/*` and `apps/*` below `root`: their sources, their tests and their manifests. */
export function checkImports(root: string, table: readonly PackageRow[]): ImportCheck {
  const everything = readWorkspaces(root, "{packages,apps,tooling}/*/package.json");
  const tooling = new Set(
    readWorkspaces(root, "tooling/*/package.json").map(({ manifest }) => manifest.name),
  );
  const names = new Set(everything.map(({ manifest }) => manifest.name));
  const violations: string[] = [];
  let files = 0;

  const checked = readWorkspaces(root, "{packages,apps}/*/package.json");
  for (const { folder, manifest } of checked) {
    const place = slashes(relative(root, folder));
    const row = table.find((candidate) => candidate.folder === place);
    if (row === undefined || row.name !== manifest.name) {
      violations.push(
        `${place}/package.json:1: no row for ${place} as "${manifest.name}"; add one to tooling/scripts/src/package-table.ts`,
      );
      continue;
    }
    violations.push(...checkManifest(folder, place, manifest, row));
    for (const file of globSync("{src,test}/**/*.{ts,mts,cts,js,mjs,cjs}", { cwd: folder }).sort()) {
      files++;
      const references = readImports(file, readFileSync(join(folder, file), "utf8"));
      for (const reference of references) {
        const problem = judge(row, folder, slashes(file), reference);
        if (problem !== undefined) violations.push(`${place}/${slashes(file)}:${reference.line}: ${problem}`);
      }
    }
  }
  return { violations, files, packages: checked.length };

  function judge(
    row: PackageRow,
    folder: string,
    file: string,
    { specifier }: ImportReference,
  ): string | undefined {
    const isTest = file.startsWith("test/") || /\.test\.[cm]?[jt]s$/.test(file);
    if (specifier.startsWith(".") || specifier.startsWith("/") || specifier.startsWith("file:")) {
      const target = resolve(folder, dirname(file), specifier);
      return target.startsWith(`${folder}${sep}`)
        ? undefined
        : `"${specifier}" reaches into another package; import it by its name, if its row allows that`;
    }
    if (isBuiltin(specifier)) return undefined;
    const name = packageName(specifier);
    if (name === row.name) return undefined;
    if (!names.has(name) && !isWorkspaceName(name)) {
      // What tests import is a matter of devDependencies, which are not installed for anybody.
      return isTest || row.npm.includes(name)
        ? undefined
        : `"${specifier}" is not an npm package that ${row.name} may import (allowed: ${listed(row.npm)})`;
    }
    if (isTest && tooling.has(name)) return undefined;
    if (!row.workspace.includes(name))
      return `"${specifier}" is not a workspace package that ${row.name} may import (allowed: ${listed(row.workspace)})`;
    const importers = row.onlyFrom?.[name];
    return importers === undefined || isTest || importers.includes(file)
      ? undefined
      : `"${specifier}" may be imported only from ${listed(importers)}`;
  }

  function isWorkspaceName(name: string): boolean {
    return table.some((row) => row.name === name);
  }
}

function checkManifest(
  folder: string,
  place: string,
  manifest: Manifest,
  row: PackageRow,
): readonly string[] {
  const allowed = [...row.workspace, ...row.npm];
  const lines = readFileSync(join(folder, "package.json"), "utf8").split("\n");
  const listedNames = [
    manifest.dependencies,
    manifest.peerDependencies,
    manifest.optionalDependencies,
  ].flatMap((group) => Object.keys(group ?? {}));
  return listedNames
    .filter((name) => !allowed.includes(name))
    .map((name) => {
      const line = lines.findIndex((text) => text.includes(`"${name}":`)) + 1;
      return `${place}/package.json:${line}: dependency "${name}" is not in the row of ${row.name} (allowed: ${listed(allowed)})`;
    });
}

function readWorkspaces(root: string, pattern: string): readonly Workspace[] {
  return globSync(pattern, { cwd: root })
    .sort()
    .map((file) => ({
      folder: dirname(resolve(root, file)),
      manifest: JSON.parse(readFileSync(join(root, file), "utf8")) as Manifest,
    }));
}

/** `@scope/name/sub/path` → `@scope/name`. */
function packageName(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.join(", ");
}

function slashes(path: string): string {
  return path.replaceAll(sep, "/");
}
