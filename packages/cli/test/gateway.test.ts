import { writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
  childrenOf,
  fixtureServerPath,
  freePort,
  isAlive,
  readLedger,
  type StartedProcess,
  startProcess,
  type TempDir,
  tempDir,
  waitUntil,
} from "@fairlead/testbed";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { describe, expect, it } from "vitest";
import { fetchStatus, run } from "../src/index.ts";
import { captureIo } from "./capture-io.ts";

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const node = ["--conditions=@fairlead/source", main];

function writeConfig(dir: TempDir): string {
  const env = { FIXTURE_LEDGER: dir.file("ledger") };
  const upstream = { command: process.execPath, args: [fixtureServerPath, "--stdio"], env };
  const file = dir.file("fairlead.config.yaml");
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ pools: { lab: { upstreams: [upstream, upstream] } } }));
  return file;
}

interface Gateway extends AsyncDisposable {
  readonly url: string;
  readonly process: StartedProcess;
  readonly ledger: string;
}

async function serve(): Promise<Gateway> {
  const dir = await tempDir();
  const port = await freePort();
  const server = await startProcess({
    command: process.execPath,
    args: [...node, "serve", "--config", writeConfig(dir), "--port", String(port)],
  });
  const url = `http://127.0.0.1:${port}`;
  await waitUntil(async () => (await fetchStatus(url)).status === "ready", { what: "the gateway" });
  return {
    url,
    process: server,
    ledger: dir.file("ledger"),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

describe("against a real gateway", () => {
  it("lists, calls and shows the status, and ends in order", async () => {
    await using gateway = await serve();
    const { url } = gateway;

    const tools = captureIo();
    expect(await run(["tools", "--json", "--url", url], tools)).toBe(0);
    const listed = (JSON.parse(tools.out()) as { tools: { name: string }[] }).tools;
    expect(listed.map(({ name }) => name)).toContain("lab__echo");

    const onePool = captureIo();
    expect(await run(["call", "echo", "--arg", "message=hi", "--url", `${url}/mcp/lab`], onePool)).toBe(0);
    expect(onePool.out()).toBe("hi\n");

    const progress = captureIo({ isTTY: true });
    const slow = ["call", "lab__slow", "--arg", "delayMs=4", "--arg", "steps=2", "--arg", "nonce=n"];
    expect(await run([...slow, "--url", url], progress)).toBe(0);
    expect(progress.err()).toContain("2/2 step 2 of 2");

    const unknown = captureIo();
    expect(await run(["call", "ecko", "--url", url], unknown)).toBe(4);
    expect(unknown.err()).toContain("did you mean lab__echo?");

    const status = captureIo();
    expect(await run(["status", "--url", url], status)).toBe(0);
    expect(status.out()).toMatch(/^lab +9 +least-connections +lab-1 +stdio +legacy +ready/m);
    const report = await fetchStatus(url);
    expect(report.calls.total).toBe(2);
    expect(report.pools[0]?.replicas.map(({ id }) => id)).toEqual(["lab-1", "lab-2"]);

    const children = childrenOf(gateway.process.pid);
    expect(children.length).toBeGreaterThanOrEqual(2);
    gateway.process.kill("SIGTERM");
    expect(await gateway.process.exited).toEqual({ code: 0, signal: null });
    await waitUntil(() => !children.some(isAlive), { what: "the end of the upstreams" });
  });

  it("cancels a call at the upstream when Ctrl-C is pressed", async () => {
    await using gateway = await serve();
    const slow = [
      "call",
      "lab__slow",
      "--arg",
      "delayMs=60000",
      "--arg",
      "steps=6000",
      "--arg",
      "nonce=stop",
    ];
    await using cli = await startProcess({
      command: process.execPath,
      args: [...node, ...slow, "--url", gateway.url],
    });
    await waitUntil(() => readLedger(gateway.ledger).started.has("stop"), { what: "the call upstream" });
    cli.kill("SIGINT");
    expect(await cli.exited).toEqual({ code: 130, signal: null });
    await waitUntil(() => readLedger(gateway.ledger).cancelled.has("stop"), { what: "the cancellation" });
  });

  it("shows the gateway's own error code when the outcome of a call is unknown", async () => {
    await using gateway = await serve();
    const io = captureIo();
    expect(await run(["call", "lab__crash", "--url", gateway.url], io)).toBe(5);
    expect(io.err()).toMatch(/^error: OUTCOME_UNKNOWN: /);
    const json = captureIo();
    expect(await run(["call", "lab__crash", "--json", "--url", gateway.url], json)).toBe(5);
    expect(JSON.parse(json.err())).toMatchObject({
      error: { code: "PROTOCOL_ERROR", jsonRpcCode: -32603, data: { code: "OUTCOME_UNKNOWN" } },
    });
  });

  it("watches a replica die and come back", async () => {
    await using gateway = await serve();
    let killed = false;
    const io = captureIo({
      async onSleep() {
        if (!killed) {
          killed = true;
          const { pools } = await fetchStatus(gateway.url);
          process.kill(pools[0]?.replicas[0]?.pid ?? Number.NaN, "SIGKILL");
        }
        if (io.out().includes("lab-1 restarted (1 so far)")) io.pressCtrlC();
        else await pause(20);
      },
    });
    expect(await run(["status", "--watch", "--url", gateway.url], io)).toBe(130);
    expect(io.out()).toContain("lab-1 ready");
  });

  it("serves one client on stdin and stdout", async () => {
    await using dir = await tempDir();
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [...node, "serve", "--stdio", "--config", writeConfig(dir)],
      stderr: "ignore",
    });
    const client = new Client({ name: "test", version: "1.0.0" });
    await client.connect(transport);
    try {
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name)).toContain("lab__echo");
      const result = await client.callTool({ name: "lab__echo", arguments: { message: "over stdio" } });
      expect(result.content).toEqual([{ type: "text", text: "over stdio" }]);
    } finally {
      await client.close();
    }
  });

  it("exits with 2 and the place in the file when the configuration is wrong", async () => {
    await using dir = await tempDir();
    const file = dir.file("wrong.yaml");
    writeFileSync(file, "pools:\n  lab:\n    upstream: []\n");
    await using server = await startProcess({
      command: process.execPath,
      args: [...node, "serve", "--config", file],
    });
    expect(await server.exited).toEqual({ code: 2, signal: null });
    expect(server.stderr()).toContain("upstream");
  });
});
