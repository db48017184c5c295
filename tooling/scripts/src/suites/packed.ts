// Every published package, alone in an empty project: it installs, drags in only what its row allows, every entry
// point loads, and the snippets of its README do what they say.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { packageTable } from "../package-table.ts";
import { judgeTree } from "./dependency-tree.ts";
import { installProject } from "./npm-project.ts";
import type { SuiteReport } from "./report.ts";
import { runCommand } from "./run-command.ts";
import { runReadme, usesUsing } from "./snippets.ts";
import type { Tarball } from "./tarballs.ts";

export interface NodeVersion {
  readonly version: string;
  /** Path of its executable. */
  readonly path: string;
}

export async function checkPacked(
  tarball: Tarball,
  tarballs: readonly Tarball[],
  folder: string,
  nodes: readonly NodeVersion[],
  report: SuiteReport,
): Promise<void> {
  const { name } = tarball;
  const project = join(folder, name.replaceAll("/", "-"));
  const installed = await report.check(
    `${name}: installs alone and drags in only what its row allows`,
    async () => {
      const lock = await installProject({ folder: project, packages: [name], tarballs });
      const { installed: names, surplus, fetched } = judgeTree(lock, packageTable, name);
      if (surplus.length > 0) throw new Error(`surplus: ${surplus.join(", ")}`);
      if (fetched.length > 0) throw new Error(`not from a packed file: ${fetched.join(", ")}`);
      console.log(`        ${names.length} packages: ${names.join(", ")}`);
    },
  );
  if (!installed) {
    report.skip(`${name}: entry points and README`, "it is not installed");
    return;
  }
  for (const { version, path } of nodes) {
    await report.check(`${name}: every entry point loads on Node ${version}`, () =>
      loadEntryPoints(project, name, path),
    );
    const readme = `${name}: README snippets run on Node ${version}`;
    if (Number.parseInt(version, 10) < 24 && (await usesUsing(project, name)))
      report.skip(readme, "they use `using`, which Node parses since version 24");
    else await report.check(readme, () => runReadme(project, name, path));
  }
}

async function loadEntryPoints(project: string, name: string, node: string): Promise<void> {
  const manifest = JSON.parse(
    await readFile(join(project, "node_modules", name, "package.json"), "utf8"),
  ) as { readonly exports: Readonly<Record<string, unknown>> };
  const specifiers = Object.keys(manifest.exports)
    .filter((path) => !path.endsWith(".json") && !path.includes("*"))
    .map((path) => name + path.slice(1));
  const code = specifiers
    .map(
      (specifier) =>
        `if (Object.keys(await import(${JSON.stringify(specifier)})).length === 0) throw new Error(${JSON.stringify(`${specifier} exports nothing`)});`,
    )
    .join("\n");
  await runCommand(node, ["--input-type=module", "--eval", code], { cwd: project, timeoutMs: 60_000 });
}
