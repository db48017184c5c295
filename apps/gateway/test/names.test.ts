// Names that do not fit, and names that collide.
import { createRawClient } from "@fairlead/testbed";
import { expect, it } from "vitest";
import { startGateway, stdioFixture } from "./gateway.ts";

it("changes names that clients do not accept, and finds the way back", async () => {
  const long = `long-${"x".repeat(80)}`;
  await using gateway = await startGateway({
    pools: { odd: { upstreams: [stdioFixture({ FIXTURE_EXTRA_TOOLS: `files.read,${long}` })] } },
  });
  await gateway.untilReady();
  using client = createRawClient(`${gateway.url}/mcp`);
  const { result } = await client.request("tools/list");
  const names = ((result?.["tools"] ?? []) as { name: string }[]).map(({ name }) => name);
  for (const name of names) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
  const short = names.find((name) => name.startsWith("odd__long-")) ?? "";
  expect(await client.request("tools/call", { name: short, arguments: { nonce: "1" } })).toMatchObject({
    result: { content: [{ text: `${long} 1` }] },
  });
  expect(
    await client.request("tools/call", { name: "odd__files_read", arguments: { nonce: "2" } }),
  ).toMatchObject({
    result: { content: [{ text: "files.read 2" }] },
  });

  using direct = createRawClient(`${gateway.url}/mcp/odd`);
  expect(await direct.request("tools/call", { name: "files.read", arguments: { nonce: "3" } })).toMatchObject(
    {
      result: { content: [{ text: "files.read 3" }] },
    },
  );
});

it("does not start with two tools that want the same name, and names both", async () => {
  await using gateway = await startGateway({
    pools: { odd: { upstreams: [stdioFixture({ FIXTURE_EXTRA_TOOLS: "files.read,files/read" })] } },
  });
  const { code } = await gateway.process.exited;
  expect(code).toBe(1);
  expect(gateway.process.stderr()).toMatch(
    /Two tools want the name odd__files_read: "files\.read" of odd and "files\/read" of odd/,
  );
});

it("takes another separator", async () => {
  await using gateway = await startGateway({
    separator: "-",
    pools: { one: { upstreams: [stdioFixture()] } },
  });
  await gateway.untilReady();
  using client = createRawClient(`${gateway.url}/mcp`);
  expect(await client.request("tools/call", { name: "one-echo", arguments: { nonce: "x" } })).toMatchObject({
    result: { content: [{ text: "x" }] },
  });
});
