import { expect, it } from "vitest";
import { createRawClient, fixtureServerPath, legacyVersion, startProcess } from "./index.ts";
import { readSse } from "./sse.ts";

async function startFixture(env: Record<string, string> = {}) {
  const server = await startProcess({ command: process.execPath, args: [fixtureServerPath, "--http"], env });
  const [, url = ""] = await server.waitForLine(/^listening on (\S+)$/);
  return { url, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

it("keeps a legacy session, shows what travelled, and ends it", async () => {
  await using fixture = await startFixture();
  using client = createRawClient(fixture.url);
  const hello = await client.initialize();
  expect(hello.result?.["protocolVersion"]).toBe(legacyVersion);
  expect(client.sessionId()).toMatch(/^[0-9a-f-]{36}$/);
  const answer = await client.request(
    "tools/call",
    { name: "echo", arguments: { nonce: "n" } },
    { id: "same" },
  );
  expect(answer.id).toBe("same");
  expect(answer.result?.["content"]).toEqual([{ type: "text", text: "n" }]);
  expect(await client.notify("notifications/cancelled", { requestId: 99 })).toBe(202);
  const session = client.sessionId();
  expect(await client.end()).toBe(200);
  const dead = await client.post(
    { jsonrpc: "2.0", id: 1, method: "ping" },
    { headers: { "mcp-session-id": session } },
  );
  expect(dead.status).toBe(404);
});

it("streams the messages of a call in their order", async () => {
  await using fixture = await startFixture();
  using client = createRawClient(fixture.url);
  await client.initialize();
  const stream = await client.open({
    jsonrpc: "2.0",
    id: 5,
    method: "tools/call",
    params: { name: "slow", arguments: { nonce: "n", delayMs: 3, steps: 3 }, _meta: { progressToken: "t" } },
  });
  const seen: unknown[] = [];
  for await (const message of stream.messages) seen.push(message.params?.["progress"] ?? message.id);
  expect(stream.headers["content-type"]).toContain("text/event-stream");
  expect(seen).toEqual([1, 2, 3, 5]);
});

it("reads plain JSON answers as well", async () => {
  await using fixture = await startFixture({ FIXTURE_JSON_RESPONSES: "1" });
  using client = createRawClient(fixture.url);
  await client.initialize();
  const { headers, messages } = await client.post('{"jsonrpc":"2.0","id":12345678901234567,"method":"ping"}');
  expect(headers["content-type"]).toContain("application/json");
  expect(messages).toHaveLength(1);
});

it("receives what the server sends outside any call", async () => {
  await using fixture = await startFixture();
  using client = createRawClient(fixture.url);
  await client.initialize();
  const stream = await client.listen();
  await client.request("tools/call", { name: "add_tool", arguments: { name: "late" } });
  for await (const { method } of stream.messages) {
    expect(method).toBe("notifications/tools/list_changed");
    break;
  }
  stream.abort();
});

it("sends a modern request that a legacy server refuses", async () => {
  await using fixture = await startFixture();
  using client = createRawClient(fixture.url);
  const answer = await client.modern("tools/call", { name: "echo", arguments: {} });
  expect(answer.status).toBe(400);
  expect(answer.messages[0]?.error?.message).toContain("Mcp-Session-Id");
});

it("splits server-sent events at any byte and any kind of line end", async () => {
  const text = ": hi\r\nid: 1\r\ndata: a\r\ndata:b\r\n\r\nevent: x\rdata: c\r\rdata: lost";
  for (let cut = 0; cut <= text.length; cut++) {
    const events: unknown[] = [];
    for await (const event of readSse([text.slice(0, cut), text.slice(cut)])) events.push(event);
    expect(events).toEqual([
      { event: "message", data: "a\nb", id: "1" },
      { event: "x", data: "c", id: undefined },
    ]);
  }
});
