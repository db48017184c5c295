// The configuration changes while clients work: what did not change is not touched, and a bad file changes nothing.
import { writeFile } from "node:fs/promises";
import { createRawClient, type RawClient, waitUntil } from "@fairlead/testbed";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NO_LIMITS, startGateway, stdioFixture, type TestGateway } from "./gateway.ts";

let gateway: TestGateway;
let client: RawClient;
const base = {
  clients: NO_LIMITS,
  pools: { a: { upstreams: [stdioFixture()] }, b: { upstreams: [stdioFixture()] } },
};

beforeAll(async () => {
  gateway = await startGateway(base);
  await gateway.untilReady();
  client = createRawClient(`${gateway.url}/mcp`);
  await client.initialize();
});
afterAll(async () => {
  client.close();
  await gateway[Symbol.asyncDispose]();
});

async function reload(): Promise<{ ok: boolean; error: string | null; changes: string[] }> {
  const response = await fetch(`${gateway.url}/api/config/reload`, {
    method: "POST",
    headers: { authorization: `Bearer ${await gateway.adminToken()}` },
  });
  return (await response.json()) as { ok: boolean; error: string | null; changes: string[] };
}

async function write(config: unknown): Promise<void> {
  await writeFile(gateway.file, typeof config === "string" ? config : JSON.stringify(config));
}

async function lastReload(): Promise<{ ok: boolean; error: string | null; at: string }> {
  const status = (await gateway.status()) as unknown as {
    config: { lastReload: { ok: boolean; error: string | null; at: string } };
  };
  return status.config.lastReload;
}

const echo = (pool: string): Promise<unknown> =>
  client.request("tools/call", { name: `${pool}__echo`, arguments: { message: "x" } });

describe("a reload", () => {
  it("applies the difference: one pool comes, one goes, one stays with its process", async () => {
    const { pid } = await gateway.replica("a-1");
    const slow = client.request("tools/call", {
      name: "a__slow",
      arguments: { nonce: "n", delayMs: 1_500, steps: 1 },
    });
    await write({ ...base, pools: { a: base.pools.a, c: { upstreams: [stdioFixture()] } } });
    expect(await reload()).toMatchObject({ ok: true });
    // By the request above, or a moment earlier because the file changed.
    await gateway.process.waitForLine(/pool c added; pool b removed/);
    expect(await gateway.replica("a-1")).toMatchObject({ pid });
    expect(await slow).toMatchObject({ result: { content: [{ text: "n" }] } });
    expect(await echo("c")).toMatchObject({ result: {} });
    expect(await echo("b")).toMatchObject({ error: { code: -32_602 } });
    await write(base);
    await reload();
  });

  it("happens by itself when the file changes, and on SIGHUP", async () => {
    await write({ ...base, pools: { ...base.pools, d: { upstreams: [stdioFixture()] } } });
    await waitUntil(async () => (await gateway.status()).pools.some(({ namespace }) => namespace === "d"), {
      timeoutMs: 20_000,
      what: "the changed file to be noticed",
    });
    await write(base);
    await waitUntil(async () => (await gateway.status()).pools.length === 2, {
      timeoutMs: 20_000,
      what: "d to go",
    });
    const { at } = await lastReload();
    gateway.process.kill("SIGHUP");
    await waitUntil(async () => (await lastReload()).at !== at, {
      timeoutMs: 20_000,
      what: "SIGHUP to be heard",
    });
  });

  it.each([
    ["no YAML", "pools: [", /no valid YAML/],
    ["half a file", JSON.stringify(base).slice(0, 60), /fairlead\.config\.yaml/],
    ["a wrong key", { ...base, pools: { a: { upstream: [] } } }, /unknown key "upstream"/],
    ["nothing", "", /must be a mapping/],
  ])(
    "of %s changes nothing, and is told in the log, the metrics and the state",
    async (_what, config, pattern) => {
      const { pid } = await gateway.replica("a-1");
      await write(config);
      const report = await reload();
      expect(report).toMatchObject({ ok: false, error: expect.stringMatching(pattern) });
      expect(await echo("a")).toMatchObject({ result: {} });
      expect(await gateway.replica("a-1")).toMatchObject({ pid });
      const { problems } = await gateway.status();
      expect(problems.map(({ code }) => String(code))).toContain("CONFIG_NOT_APPLIED");
      await gateway.process.waitForLine(/the configuration was not applied/);
      await waitUntil(
        async () =>
          (await (await fetch(`${gateway.url}/metrics`)).text()).includes(
            "fairlead_config_last_reload_successful 0",
          ),
        { timeoutMs: 10_000, what: "the metric" },
      );
      await write(base);
      expect(await reload()).toMatchObject({ ok: true, error: null });
    },
  );

  it("gives clients their new keys and limits at once", async () => {
    await write({ ...base, clients: { ...NO_LIMITS, anonymous: "never" } });
    expect((await reload()).ok).toBe(true);
    await gateway.process.waitForLine(/clients changed/);
    expect((await fetch(`${gateway.url}/api/status`)).status).toBe(401);
    await write(base);
    await reload();
    expect((await fetch(`${gateway.url}/api/status`)).status).toBe(200);
  });

  it("says what needs a new start", async () => {
    await write({ ...base, separator: "--" });
    expect((await reload()).ok).toBe(true);
    await gateway.process.waitForLine(/separator is different, which takes effect at the next start/);
    await write(base);
    await reload();
  });
});
