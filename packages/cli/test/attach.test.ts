// Stdio clients at a gateway that runs already.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fixtureServerPath, type StartedProcess, startProcess, tempDir, waitUntil } from "@fairlead/testbed";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { afterAll, beforeAll, expect, it } from "vitest";
import { fetchStatus, run } from "../src/index.ts";
import { captureIo } from "./capture-io.ts";

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const node = ["--conditions=@fairlead/source", main];
let directory: Awaited<ReturnType<typeof tempDir>>;
let gateway: StartedProcess;
let url: string;

beforeAll(async () => {
  directory = await tempDir();
  const file = join(directory.path, "fairlead.config.yaml");
  const upstream = { command: process.execPath, args: [fixtureServerPath, "--stdio"] };
  await writeFile(file, JSON.stringify({ pools: { lab: { upstreams: [upstream] } } }));
  gateway = await startProcess({
    command: process.execPath,
    args: [...node, "serve", "--config", file, "--port", "0"],
    env: { XDG_STATE_HOME: directory.path },
  });
  [, url = ""] = await gateway.waitForLine(/listening on (http:\/\/[^"\s]+)/, 45_000);
  await waitUntil(async () => (await fetchStatus(url)).status === "ready", {
    timeoutMs: 45_000,
    what: "the upstream",
  });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

it.each(["2025-11-25", "2026-07-28"])(
  "share it, with revision %s, each with answers of its own",
  async (version) => {
    const clients = await Promise.all(
      [1, 2].map(async () => {
        const client = new Client(
          { name: "stdio", version: "1" },
          version === "2026-07-28" ? { versionNegotiation: { mode: { pin: version } } } : {},
        );
        await client.connect(
          new StdioClientTransport({
            command: process.execPath,
            args: [...node, "serve", "--stdio", "--attach", url],
            env: { ...process.env, XDG_STATE_HOME: directory.path } as Record<string, string>,
            stderr: "ignore",
          }),
        );
        return client;
      }),
    );
    const answers = await Promise.all(
      clients.flatMap((client, at) =>
        [0, 1, 2].map((turn) =>
          client.callTool({ name: "lab__echo", arguments: { message: `${at}.${turn}` } }),
        ),
      ),
    );
    expect(answers.map(({ content }) => (content as { text: string }[])[0]?.text)).toEqual([
      "0.0",
      "0.1",
      "0.2",
      "1.0",
      "1.1",
      "1.2",
    ]);
    await Promise.all(clients.map((client) => client.close()));
  },
);

it("says what is wrong: nothing listens, or the options contradict each other", async () => {
  const io = captureIo();
  expect(await run(["serve", "--stdio", "--attach", "http://127.0.0.1:1"], io)).toBe(3);
  expect(io.err()).toMatch(/no gateway answers at http:\/\/127\.0\.0\.1:1/);
  expect(await run(["serve", "--attach", url], captureIo())).toBe(2);
});
