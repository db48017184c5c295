// Upstreams that behave like real ones: they lose their sessions, restart, answer nonsense and never answer.

import { join } from "node:path";
import {
  createRawClient,
  fixtureServerPath,
  freePort,
  readLedger,
  type StartedProcess,
  startProcess,
  tempDir,
  waitUntil,
} from "@fairlead/testbed";
import { expect, it } from "vitest";
import { startGateway, stdioFixture, withLedger } from "./gateway.ts";

async function startHttpFixture(port: number, ledger: string): Promise<StartedProcess> {
  const server = await startProcess({
    command: process.execPath,
    args: [fixtureServerPath, "--http", "--port", String(port)],
    env: { FIXTURE_LEDGER: ledger },
  });
  await server.waitForLine(/listening on/);
  return server;
}

it("opens a new session with a server that came back without its sessions, and the client notices nothing", async () => {
  await using directory = await tempDir();
  const ledger = join(directory.path, "ledger");
  const port = await freePort();
  await using first = await startHttpFixture(port, ledger);
  await using gateway = await startGateway({
    pools: { far: { upstreams: [{ url: `http://127.0.0.1:${port}/mcp` }] } },
  });
  await gateway.untilReady();
  using client = createRawClient(`${gateway.url}/mcp`);
  await client.initialize();
  // Not annotated, so it must not run twice; a server that does not know the session does not run it at all.
  const append = (nonce: string): Promise<unknown> =>
    client.request("tools/call", { name: "far__append", arguments: { nonce } });
  expect(await append("before")).toMatchObject({ result: { content: [{ text: "before" }] } });

  await first[Symbol.asyncDispose]();
  await using _second = await startHttpFixture(port, ledger);
  expect(await append("after")).toMatchObject({ result: { content: [{ text: "after" }] } });
  expect(readLedger(ledger).counts).toEqual(
    new Map([
      ["before", 1],
      ["after", 1],
    ]),
  );
});

it("ends a call that gets no answer at its deadline, tells the upstream, and says that the outcome is unknown", async () => {
  await using gateway = await startGateway({
    pools: {
      pool: {
        upstreams: [stdioFixture(withLedger)],
        timeoutMs: 200,
      },
    },
  });
  await gateway.untilReady();
  using client = createRawClient(`${gateway.url}/mcp`);
  const reply = await client.request("tools/call", {
    name: "pool__slow",
    arguments: { nonce: "n", delayMs: 60_000, steps: 1 },
  });
  expect(reply).toMatchObject({
    error: { code: -32603, data: { code: "DEADLINE_EXCEEDED", outcome: "unknown", upstream: "pool-1" } },
  });
  await waitUntil(async () => (await gateway.replica("pool-1")).inFlight === 0, {
    what: "the slot to be free",
  });
});

it("keeps a call alive as long as it makes progress", async () => {
  await using gateway = await startGateway({
    pools: { pool: { upstreams: [stdioFixture()], timeoutMs: 1_000 } },
  });
  await gateway.untilReady();
  using client = createRawClient(`${gateway.url}/mcp`);
  const params = {
    name: "pool__slow",
    arguments: { nonce: "n", delayMs: 2_000, steps: 20 },
    _meta: { progressToken: "p" },
  };
  const { messages } = await client.post({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
  expect(messages.at(-1)).toMatchObject({ id: 1, result: { content: [{ text: "n" }] } });
  expect(messages.filter(({ method }) => method === "notifications/progress")).toHaveLength(20);
  for (const { params: progress } of messages.slice(0, -1))
    expect(progress).toMatchObject({ progressToken: "p" });
});

it("opens the breaker of a server that keeps failing, refuses at once, and names the next try", async () => {
  // A server whose every answer to a call is an internal error.
  const script = `
    const answer = (id, body) => console.log(JSON.stringify({ jsonrpc: "2.0", id, ...body }));
    require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
      const { id, method } = JSON.parse(line);
      if (method === "initialize") answer(id, { result: { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "broken", version: "1" } } });
      else if (method === "tools/list") answer(id, { result: { tools: [{ name: "fail", inputSchema: { type: "object" } }] } });
      else if (method === "ping") answer(id, { result: {} });
      else if (id !== undefined) answer(id, { error: { code: -32603, message: "broken inside" } });
    });`;
  await using gateway = await startGateway({
    pools: {
      broken: {
        upstreams: [{ command: process.execPath, args: ["-e", script] }],
        breaker: { failureThreshold: 3 },
      },
    },
  });
  await gateway.untilReady();
  using client = createRawClient(`${gateway.url}/mcp`);
  const call = (): Promise<unknown> => client.request("tools/call", { name: "broken__fail", arguments: {} });
  for (let at = 0; at < 3; at++)
    expect(await call()).toMatchObject({ error: { code: -32603, message: "broken inside" } });
  expect(await call()).toMatchObject({
    error: { data: { code: "CIRCUIT_OPEN", outcome: "not-executed", retryAfterMs: expect.any(Number) } },
  });
  expect(await gateway.replica("broken-1")).toMatchObject({ breaker: "open", calls: 3, failures: 3 });
});

it("passes payloads byte for byte: unknown keys, large integers, key order and spacing", async () => {
  const tool = `{"name":"raw", "x-unknown": 12345678901234567890, "inputSchema":{"type":"object"}, "annotations":{"readOnlyHint":true,"x":1}}`;
  const result = `{ "content":[{"type":"hologram","n":9007199254740993,"z":1,"a":2}],"x":{"y":[1.0,1e400]} }`;
  const script = `
    const result = ${JSON.stringify(result)};
    const tool = ${JSON.stringify(tool)};
    let params;
    require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
      const { id, method } = JSON.parse(line);
      const answer = (text) => console.log('{"result":' + text + ',"id":' + id + ',"jsonrpc":"2.0"}');
      if (method === "initialize") answer('{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"raw","version":"1"}}');
      else if (method === "tools/list") answer('{"tools":[' + tool + ']}');
      else if (method === "tools/call") answer('{"line":' + JSON.stringify(line) + ',"given":' + result + '}');
      else if (id !== undefined) answer("{}");
    });`;
  await using gateway = await startGateway({
    pools: { raw: { upstreams: [{ command: process.execPath, args: ["-e", script] }] } },
  });
  await gateway.untilReady();
  using client = createRawClient(`${gateway.url}/mcp`);
  const list = await client.post('{"jsonrpc":"2.0","id":1,"method":"tools/list"}');
  expect(list.text).toContain(tool.replace('"raw"', '"raw__raw"'));
  const args = '{"big":12345678901234567890,"b":1,"a":[1.10, -0.0]}';
  const { text } = await client.post(
    `{"id" : "c","jsonrpc":"2.0","params":{"x-extra":true,"arguments":${args},"name":"raw__raw"},"method":"tools/call"}`,
  );
  expect(text).toContain(`"given":${result}`);
  const { line } = (JSON.parse(text) as { result: { line: string } }).result;
  expect(line).toMatch(/^\{"id" : \d+,"jsonrpc":"2.0","params":\{"x-extra":true,"arguments":/);
  expect(line).toContain(`"arguments":${args},"name":"raw"}`);
});

it("skips an answer that is too long, fails only its call, and keeps the process", async () => {
  await using gateway = await startGateway({
    limits: { maxResponseBytes: 100_000 },
    pools: { pool: { upstreams: [stdioFixture()] } },
  });
  await gateway.untilReady();
  const { pid } = await gateway.replica("pool-1");
  using client = createRawClient(`${gateway.url}/mcp`);
  const [big, small] = await Promise.all([
    client.request("tools/call", { name: "pool__big", arguments: { bytes: 300_000 } }),
    client.request("tools/call", { name: "pool__echo", arguments: { nonce: "small", delayMs: 50 } }),
  ]);
  expect(JSON.stringify(big.error)).toMatch(/longer than the 100000 bytes allowed/);
  expect(small).toMatchObject({ result: { content: [{ text: "small" }] } });
  expect((await gateway.replica("pool-1")).pid).toBe(pid);
});

it("takes a frozen replica out, moves what may be repeated elsewhere, and takes it back when it answers again", async () => {
  const healthCheck = { intervalMs: 100, timeoutMs: 200, failureThreshold: 2 };
  await using gateway = await startGateway({
    pools: { pool: { strategy: "round-robin", upstreams: [stdioFixture(), stdioFixture()], healthCheck } },
  });
  await gateway.untilReady();
  const { pid } = await gateway.replica("pool-1");
  process.kill(pid ?? Number.NaN, "SIGSTOP");
  using client = createRawClient(`${gateway.url}/mcp`);
  await client.initialize();
  // Whichever of these goes to the frozen one is answered by the other once the first is known to be frozen.
  const calls = Array.from({ length: 4 }, (_, at) =>
    client.request("tools/call", { name: "pool__echo", arguments: { nonce: `n${at}` } }),
  );
  expect((await Promise.all(calls)).map(({ result }) => result?.["content"])).toEqual(
    calls.map((_, at) => [{ type: "text", text: `n${at}` }]),
  );
  const frozen = await gateway.replica("pool-1");
  expect(frozen).toMatchObject({ status: "unhealthy", pid });
  expect(frozen.reason).toMatch(/did not answer ping/);

  process.kill(pid ?? Number.NaN, "SIGCONT");
  await gateway.untilReady();
  expect((await gateway.replica("pool-1")).pid).toBe(pid);
});
