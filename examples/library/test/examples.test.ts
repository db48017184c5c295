// Every example runs as it stands, as a process of its own, against real servers. Only the ports are other ones.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { freePort, type StartedProcess, startProcess } from "@fairlead/testbed";
import { afterAll, beforeAll, expect, it } from "vitest";

const folder = fileURLToPath(new URL("..", import.meta.url));
let ports: number[];
let servers: StartedProcess;

beforeAll(async () => {
  ports = await Promise.all([freePort(), freePort(), freePort()]);
  servers = await startProcess({
    command: process.execPath,
    args: [`${folder}search-servers.ts`, ...ports.map(String)],
  });
  await servers.waitForLine(new RegExp(`:${ports[2]}/mcp`), 30_000);
});
afterAll(async () => {
  await servers[Symbol.asyncDispose]();
});

it.each(["quick-start.ts", "operations.ts"])("%s keeps what it promises", async (name) => {
  const text = ports.reduce(
    (code, port, at) => code.replaceAll(new RegExp(`\\b${3001 + at}\\b`, "g"), String(port)),
    readFileSync(folder + name, "utf8"),
  );
  expect(text).not.toContain("3001");
  await using example = await startProcess({
    command: process.execPath,
    args: ["--conditions=@fairlead/source", "--input-type=module-typescript", "--eval", text],
    cwd: folder,
  });
  const exit = await example.exited;
  expect({ exit, stderr: example.stderr() }).toMatchObject({ exit: { code: 0 } });
});
