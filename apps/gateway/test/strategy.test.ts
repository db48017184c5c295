// A strategy from outside: generated as its author would, packed, installed beside a configuration, and named in it.
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createRawClient, startProcess, tempDir, waitUntil } from "@fairlead/testbed";
import { expect, it } from "vitest";
import { nodeArguments, stdioFixture } from "./gateway.ts";

const run = promisify(execFile);
const generator = fileURLToPath(new URL("../../../tooling/scripts/src/new-strategy.ts", import.meta.url));

it("is loaded by its name in the configuration, and picks", async () => {
  await using directory = await tempDir();
  await run(process.execPath, [generator, "calmest-first", "--package", "--into", directory.path]);
  const packed = await run("npm", ["pack", "--pack-destination", directory.path], {
    cwd: join(directory.path, "fairlead-strategy-calmest-first"),
  });
  await writeFile(join(directory.path, "package.json"), JSON.stringify({ name: "team", private: true }));
  const install = [
    "install",
    "--offline",
    "--legacy-peer-deps",
    "--no-audit",
    "--no-fund",
    packed.stdout.trim(),
  ];
  await run("npm", install, { cwd: directory.path });
  const file = join(directory.path, "fairlead.config.yaml");
  const pools = { pool: { strategy: "calmest-first", upstreams: [stdioFixture(), stdioFixture()] } };
  await writeFile(file, JSON.stringify({ pools }));

  await using gateway = await startProcess({
    command: process.execPath,
    args: nodeArguments(file, "--port", "0"),
  });
  const [, url = ""] = await gateway.waitForLine(/listening on (http:\/\/[^"\s]+)/, 30_000);
  await waitUntil(async () => (await fetch(`${url}/readyz`)).ok, {
    what: "the gateway to be ready",
    timeoutMs: 30_000,
  });
  using client = createRawClient(`${url}/mcp`);
  const reply = await client.request("tools/call", { name: "pool__echo", arguments: { nonce: "x" } });
  expect(reply).toMatchObject({ result: { content: [{ text: "x" }] } });
  expect(await (await fetch(`${url}/api/status`)).json()).toMatchObject({
    pools: [{ strategy: "calmest-first" }],
  });
});
