// Bad upstreams at start: they delay nobody, they are named with the reason, and they join by themselves.
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import {
  createRawClient,
  fixtureServerPath,
  freePort,
  startProcess,
  tempDir,
  waitUntil,
} from "@fairlead/testbed";
import { expect, it } from "vitest";
import { startGateway, stdioFixture } from "./gateway.ts";

it("serves the others at once while one hangs, one exits and one refuses; each joins when it is well", async () => {
  await using directory = await tempDir();
  const well = join(directory.path, "well");
  const port = await freePort();
  await using gateway = await startGateway({
    pools: {
      good: { upstreams: [stdioFixture()] },
      hangs: { upstreams: [stdioFixture({ FIXTURE_HANG_UNTIL: well })], startTimeoutMs: 60_000 },
      exits: { upstreams: [stdioFixture({ FIXTURE_EXIT_UNTIL: well })], restart: { maxDelayMs: 500 } },
      refuses: { upstreams: [{ url: `http://127.0.0.1:${port}/mcp` }] },
    },
  });
  await gateway.untilReady(["good-1"]);
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);

  // The hanging one still hangs: nobody waited for it.
  expect((await gateway.replica("hangs-1")).status).toBe("starting");
  using client = createRawClient(`${gateway.url}/mcp`);
  await client.initialize();
  const echo = (pool: string): Promise<unknown> =>
    client.request("tools/call", { name: `${pool}__echo`, arguments: { nonce: pool } });
  expect(await echo("good")).toMatchObject({ result: { content: [{ text: "good" }] } });
  const { result } = await client.request("tools/list");
  const names = ((result?.["tools"] ?? []) as { name: string }[]).map(({ name }) => name);
  expect(names).toContain("good__echo");
  expect(names.filter((name) => !name.startsWith("good__"))).toEqual([]);

  const refuses = await waitUntil(
    async () => {
      const replica = await gateway.replica("refuses-1");
      return replica.status === "waiting" ? replica : undefined;
    },
    { what: "the refusal to be seen" },
  );
  expect(refuses.reason).toMatch(/ECONNREFUSED/);
  expect(Date.parse(refuses.nextTryAt ?? "")).toBeGreaterThan(0);
  const exits = await waitUntil(
    async () => {
      const replica = await gateway.replica("exits-1");
      return replica.status === "crash-loop" ? replica : undefined;
    },
    { what: "the crash loop to be seen", timeoutMs: 30_000 },
  );
  expect(exits.reason).toMatch(/exited with code 1/);
  expect(exits.reason).toContain("refusing to start until");
  expect(exits.nextTryAt).not.toBeNull();
  const { problems, status } = await gateway.status();
  expect(status).toBe("degraded");
  expect(problems.map(({ message }) => message.split(":")[0])).toEqual(
    expect.arrayContaining(["exits-1", "refuses-1"]),
  );
  for (const { fix } of problems) expect(fix.length).toBeGreaterThan(0);
  expect(await echo("refuses")).toMatchObject({ error: { data: { code: "NO_SERVERS_AVAILABLE" } } });

  await writeFile(well, "");
  await using _server = await startProcess({
    command: process.execPath,
    args: [fixtureServerPath, "--http", "--port", String(port)],
  });
  await gateway.untilReady();
  for (const pool of ["good", "hangs", "exits", "refuses"]) {
    expect(await echo(pool)).toMatchObject({ result: { content: [{ text: pool }] } });
  }
  expect((await gateway.status()).status).toBe("ready");
});

it("gives a server up that does not answer in time, and says so", async () => {
  await using gateway = await startGateway({
    pools: {
      hangs: { upstreams: [stdioFixture({ FIXTURE_HANG_UNTIL: "/nonexistent/file" })], startTimeoutMs: 300 },
    },
  });
  const replica = await waitUntil(
    async () => {
      const now = await gateway.replica("hangs-1");
      return now.status === "waiting" ? now : undefined;
    },
    { what: "the start to be given up" },
  );
  expect(replica.reason).toBe("did not answer initialize within 0.3 s");
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(503);
  expect((await fetch(`${gateway.url}/livez`)).status).toBe(200);
});

it("names the port and the option when the port is taken", async () => {
  const blocker = createServer().listen(0, "127.0.0.1");
  await once(blocker, "listening");
  const { port } = blocker.address() as { port: number };
  try {
    await expect(
      startGateway({ server: { port }, pools: { good: { upstreams: [stdioFixture()] } } }, []),
    ).rejects.toThrow(new RegExp(`port ${port} on 127.0.0.1 is taken.*--port`));
  } finally {
    blocker.close();
  }
});
