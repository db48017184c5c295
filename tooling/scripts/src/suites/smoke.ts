// The installed executables on one Node version: start, get ready, list tools over HTTP, end on SIGTERM with exit
// code 0, and leave no process behind.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  childrenOf,
  createRawClient,
  everythingServer,
  freePort,
  isAlive,
  type StartedProcess,
  startProcess,
  waitUntil,
} from "@fairlead/testbed";
import type { NodeVersion } from "./packed.ts";
import type { SuiteReport } from "./report.ts";
import { runCommand } from "./run-command.ts";

/** `project` has `fairlead` and `@fairlead/gateway` installed. */
export async function smokeTest(project: string, node: NodeVersion, report: SuiteReport): Promise<void> {
  const gateway = join(project, "node_modules", "@fairlead", "gateway", "dist", "main.js");
  const cli = join(project, "node_modules", "fairlead", "dist", "main.js");
  await report.check(`fairlead-gateway runs and ends in order on Node ${node.version}`, () =>
    runToTheEnd(project, node, [gateway]),
  );
  await report.check(`fairlead serve runs and ends in order on Node ${node.version}`, () =>
    runToTheEnd(project, node, [cli, "serve"], async (url) => {
      const text = await runCommand(node.path, [cli, "tools", "--json", "--url", url], { cwd: project });
      const { tools } = JSON.parse(text) as { readonly tools: readonly { readonly name: string }[] };
      if (!tools.some(({ name }) => name === "everything__echo"))
        throw new Error(`fairlead tools does not list everything__echo: ${text.slice(0, 500)}`);
      const echo = ["call", "everything__echo", "--arg", "message=smoke", "--url", url];
      const answer = await runCommand(node.path, [cli, ...echo], { cwd: project });
      if (answer !== "Echo: smoke\n") throw new Error(`fairlead call printed ${JSON.stringify(answer)}`);
    }),
  );
}

/** `npm start` of this repository: killing npm must not leave the gateway behind. */
export async function npmStartTest(root: string, folder: string, report: SuiteReport): Promise<void> {
  await report.check("npm start gets ready, and nothing is left when npm is killed", async () => {
    const port = await freePort();
    const config = join(folder, "start.config.yaml");
    const upstream = { command: "node", args: [everythingServer, "stdio"] };
    await writeFile(config, JSON.stringify({ pools: { everything: { upstreams: [upstream] } } }));
    await using npm = await startProcess({
      command: "npm",
      args: ["start", "--", "--config", config, "--port", String(port)],
      cwd: root,
    });
    await waitUntilReady(`http://127.0.0.1:${port}`, npm);
    const children = childrenOf(npm.pid);
    npm.kill("SIGTERM");
    await waitUntil(() => !children.some(isAlive), { what: "the end of all that npm started" });
  });
}

async function waitUntilReady(url: string, server: StartedProcess): Promise<void> {
  await waitUntil(async () => (await fetch(`${url}/readyz`)).status === 200, {
    what: `${url}/readyz to answer 200`,
    timeoutMs: 30_000,
    intervalMs: 100,
  }).catch((cause: unknown) => {
    throw new Error(`${String(cause)}\n${server.stdout()}\n${server.stderr()}`, { cause });
  });
}

async function runToTheEnd(
  project: string,
  node: NodeVersion,
  command: readonly string[],
  meanwhile: (url: string) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const config = join(project, "smoke.config.yaml");
  const upstream = { command: node.path, args: [everythingServer, "stdio"] };
  await writeFile(config, JSON.stringify({ pools: { everything: { upstreams: [upstream] } } }));
  await using server = await startProcess({
    command: node.path,
    args: [...command, "--config", config, "--port", String(port)],
    cwd: project,
  });
  await waitUntilReady(url, server);
  using client = createRawClient(`${url}/mcp`);
  await client.initialize();
  const { result } = await client.request("tools/list");
  const count = Array.isArray(result?.["tools"]) ? result["tools"].length : 0;
  if (count === 0) throw new Error(`tools/list is empty: ${JSON.stringify(result)}`);
  await meanwhile(url);
  client.close();

  const children = childrenOf(server.pid);
  if (children.length === 0) throw new Error("the gateway has no upstream process to leave behind");
  server.kill("SIGTERM");
  const { code, signal } = await server.exited;
  if (code !== 0)
    throw new Error(`SIGTERM: exit code ${code}, signal ${signal}, not 0\n${server.stderr().slice(-2000)}`);
  const left = children.filter(isAlive);
  if (left.length > 0) throw new Error(`processes left behind: ${left.join(", ")}`);
}
