// The strangers' languages and packages, in exact versions, below one folder that goes away with the suite.
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "../run-command.ts";

export const versions = {
  pythonSdk: "2.3.0",
  fastmcp: "4.1.2",
  goSdk: "1.8.0",
  inspector: "2.12.0",
} as const;

export const strangerFile = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Resolves to the interpreter of a virtual environment. @throws {@link Error} without Python 3.10 or pip */
export async function installPython(folder: string): Promise<string> {
  const environment = join(folder, "python");
  await runCommand("python3", ["-m", "venv", environment], { cwd: folder });
  const python = join(environment, "bin", "python");
  const packages = [`mcp==${versions.pythonSdk}`, `fastmcp==${versions.fastmcp}`];
  await runCommand(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages], {
    cwd: folder,
  });
  return python;
}

/** Resolves to the built server. @throws {@link Error} without a Go toolchain, or without its modules */
export async function buildGoServer(folder: string): Promise<string> {
  const project = join(folder, "go");
  await mkdir(project, { recursive: true });
  await copyFile(strangerFile("servers/go-sdk.go"), join(project, "main.go"));
  await writeFile(
    join(project, "go.mod"),
    `module stranger\n\ngo 1.25\n\nrequire github.com/modelcontextprotocol/go-sdk v${versions.goSdk}\n`,
  );
  // Writable modules, so that the folder can be removed.
  const env = { GOPATH: join(folder, "gopath"), GOFLAGS: "-mod=mod -modcacherw" };
  await runCommand("go", ["build", "-o", "server", "."], { cwd: project, env });
  return join(project, "server");
}

/** Resolves to the script of the inspector's command line. */
export async function installInspector(folder: string): Promise<string> {
  const project = join(folder, "inspector");
  await mkdir(project, { recursive: true });
  const dependencies = { "@modelcontextprotocol/inspector": versions.inspector };
  await writeFile(join(project, "package.json"), JSON.stringify({ private: true, dependencies }));
  await runCommand("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: project });
  return join(project, "node_modules", ".bin", "mcp-inspector");
}
