// A server that ends the stream of a call while it runs (SEP-1699), and clients that come back for the rest.
import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { createRawClient, type JsonRpcMessage, type RawClient, type RawStream } from "@fairlead/testbed";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { describe, expect, it } from "vitest";
import { event, result, start } from "./resumable-upstream.ts";

const call = { jsonrpc: "2.0", id: 9, method: "tools/call", params: { name: "t" } };
const RETRY_MS = 20;
const pause = (stream: ServerResponse, id: string): void =>
  void stream.end(`retry: ${RETRY_MS}\n${event(id, undefined)}`);

/** A server that pauses at once, and answers when it is told to. */
async function startPausing(): Promise<{
  started: Awaited<ReturnType<typeof start>>;
  answer: (message: (id: number) => object) => Promise<void>;
}> {
  let resumed: (at: { stream: ServerResponse; id: number }) => void;
  const resumption = new Promise<{ stream: ServerResponse; id: number }>((resolve) => {
    resumed = resolve;
  });
  const started = await start(
    (stream) => pause(stream, "call-1"),
    (_after, stream, id) => resumed({ stream, id }),
  );
  return {
    started,
    answer: async (message) => {
      const { stream, id } = await resumption;
      stream.end(event("call-9", message(id)));
    },
  };
}

const behind = (client: RawClient, id: string): Promise<RawStream> =>
  client.listen({ headers: { "last-event-id": id } });

async function all(stream: RawStream): Promise<JsonRpcMessage[]> {
  const messages: JsonRpcMessage[] = [];
  for await (const message of stream.messages) messages.push(message);
  return messages;
}

const done = { id: 9, result: { content: [{ text: "done" }] } };

describe("a call whose server ends its stream to be asked again", () => {
  it("frees its client's connection too, and gives it the answer when it comes back", async () => {
    const { started, answer } = await startPausing();
    const { client } = started;
    const first = await client.post(call);
    expect(first.headers["content-type"]).toBe("text/event-stream");
    expect(first.text).toBe(`retry: ${RETRY_MS}\nid: 1-0\ndata: \n\n`);
    const again = await behind(client, "1-0");
    await answer((id) => result(id, "done"));
    expect(await all(again)).toMatchObject([done]);
    // It has been handed over, so it is not kept.
    expect((await behind(client, "1-0")).status).toBe(400);
  });

  it("keeps the answer that comes while its client is away, however long it is", async () => {
    const { started, answer } = await startPausing();
    await started.client.post(call);
    const long = "x".repeat(300_000);
    await answer((id) => result(id, long));
    const [message] = await all(await behind(started.client, "1-0"));
    expect(message).toMatchObject({ id: 9, result: { content: [{ text: long }] } });
  });

  it("tells its client once more whenever the server ends its stream again, and waits as long as it takes", async () => {
    let pauses = 0;
    const { client, resumed } = await start(
      (stream) => pause(stream, "call-0"),
      (_after, stream, id) => {
        if (++pauses < 8) pause(stream, `call-${pauses}`);
        else stream.end(event("call-done", result(id, "done")));
      },
    );
    await client.post(call);
    let answers: JsonRpcMessage[] = [];
    for (let polls = 0; polls < 100 && answers.length === 0; polls++) {
      await sleep(RETRY_MS / 2);
      answers = await all(await behind(client, "1-0"));
    }
    expect(answers).toMatchObject([done]);
    expect(resumed).toHaveLength(8);
  });

  it("does not repeat what the client has seen before, and brings questions to it afterwards", async () => {
    let later: { stream: ServerResponse; id: number } | undefined;
    const { client } = await start(
      (stream, id) => {
        const params = { progressToken: id, progress: 1 };
        stream.write(event("call-1", { jsonrpc: "2.0", method: "notifications/progress", params }));
        pause(stream, "call-2");
      },
      (_after, stream, id) => {
        later = { stream, id };
        const params = { message: "Which?", requestedSchema: { type: "object", properties: {} } };
        stream.write(event("call-3", { jsonrpc: "2.0", id: "q", method: "elicitation/create", params }));
      },
    );
    await client.initialize({ capabilities: { elicitation: {} } });
    const first = await client.post({
      ...call,
      params: { name: "t", _meta: { progressToken: "p" } },
    });
    expect(first.text).toMatch(
      /^id: 1-0\ndata: \n\nid: 1-1\nevent: message\ndata: \{.*"progress":1.*\n\nretry: 20\nid: 1-1\ndata: \n\n$/,
    );
    const again = await behind(client, "1-1");
    const messages = again.messages[Symbol.asyncIterator]();
    const { value: question } = await messages.next();
    expect(question).toMatchObject({ method: "elicitation/create", params: { message: "Which?" } });
    await client.post({ jsonrpc: "2.0", id: question?.id, result: { action: "decline" } });
    later?.stream.end(event("call-4", result(later.id, "done")));
    expect((await messages.next()).value).toMatchObject(done);
  });

  it("is read on in place of a client that takes no stream", async () => {
    const { started, answer } = await startPausing();
    const waiting = started.client.post(call, { headers: { accept: "application/json" } });
    await answer((id) => result(id, "done"));
    expect(await waiting).toMatchObject({
      headers: { "content-type": "application/json" },
      messages: [done],
    });
  });

  it("is forgotten when its client cancels it", async () => {
    const { started } = await startPausing();
    const { client } = started;
    await client.post(call);
    await client.notify("notifications/cancelled", { requestId: 9 });
    expect((await behind(client, "1-0")).status).toBe(400);
  });

  it("is finished before a shutdown, and its answer fetched", async () => {
    const { started, answer } = await startPausing();
    const { client, multiplexer } = started;
    await client.post(call);
    let isDrained = false;
    const drained = multiplexer.drainAll(20_000).then(() => {
      isDrained = true;
    });
    await answer((id) => result(id, "done"));
    while (multiplexer.getStatus().calls.inFlight > 0) await sleep(5);
    await sleep(50);
    expect(isDrained).toBe(false);
    expect(await all(await behind(client, "1-0"))).toMatchObject([done]);
    await drained;
  });

  it("is nothing that the official SDK's client notices", async () => {
    const { started, answer } = await startPausing();
    const client = new Client({ name: "test", version: "1.0.0" });
    await client.connect(new StreamableHTTPClientTransport(new URL(started.url)));
    const called = client.callTool({ name: "t" });
    await answer((id) => result(id, "done"));
    expect(await called).toMatchObject({ content: [{ text: "done" }] });
    await client.close();
  });
});

describe("lists", () => {
  it.each([
    ["text/event-stream, application/json", "text/event-stream"],
    ["application/json, text/event-stream", "application/json"],
    ["application/json", "application/json"],
  ])("asked for with Accept: %s come as %s", async (accept, type) => {
    const { url } = await start(
      () => {},
      () => {},
    );
    using client = createRawClient(url);
    await client.initialize();
    const listed = { jsonrpc: "2.0", id: 1, method: "tools/list" };
    const { headers, messages } = await client.post(listed, { headers: { accept } });
    expect(headers["content-type"]).toBe(type);
    expect(messages).toMatchObject([{ id: 1, result: { tools: [{ name: "t" }] } }]);
    const modern = await client.modern("tools/list", {}, { headers: { accept } });
    expect(modern.headers["content-type"]).toBe(type);
    expect(modern.messages).toMatchObject([{ result: { tools: [{ name: "t" }] } }]);
  });
});
