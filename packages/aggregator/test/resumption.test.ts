// Event streams of legacy servers that end or break before the answer, on purpose or not, and are read on.
import type { ServerResponse } from "node:http";
import { describe, expect, it, vi } from "vitest";
import { event, result, start } from "./resumable-upstream.ts";

const OLDER = "2025-06-18";

describe("the stream of a call, for a client whose revision knows no polling", () => {
  it("that the server ends on purpose is read on after the time it asks for, as often as it wants", async () => {
    const { client, resumed } = await start(
      (stream) => void stream.end(`retry: 10\n${event("call-1", undefined)}`),
      (after, stream, id) =>
        void stream.end(
          after === "call-1" ? event("call-2", undefined) : event("call-3", result(id, "done")),
        ),
      OLDER,
    );
    expect(await client.request("tools/call", { name: "t" })).toMatchObject({
      result: { content: [{ text: "done" }] },
    });
    expect(resumed).toEqual(["call-1", "call-2"]);
  });

  it("that breaks is read on at once, though the call may not be repeated", async () => {
    const { client, resumed } = await start(
      (stream) => {
        stream.write(event("call-1", undefined), () => stream.destroy());
      },
      (_after, stream, id) => void stream.write(event("call-2", result(id, "done"))),
      OLDER,
    );
    expect(await client.request("tools/call", { name: "t" })).toMatchObject({
      result: { content: [{ text: "done" }] },
    });
    expect(resumed).toEqual(["call-1"]);
  });

  it("that cannot be read on leaves the outcome unknown", async () => {
    const { client, resumed } = await start(
      (stream) => void stream.end(`retry: 10\n${event("call-1", undefined)}`),
      (_after, stream) => void stream.destroy(),
      OLDER,
    );
    expect(await client.request("tools/call", { name: "t" })).toMatchObject({
      error: { data: { code: "OUTCOME_UNKNOWN" } },
    });
    expect(resumed).toEqual(["call-1"]);
  });

  it("that brings nothing over and over is given up", async () => {
    const { client, resumed } = await start(
      (stream) => void stream.end(`retry: 5\n${event("call-1", undefined)}`),
      (_after, stream) => void stream.end(":nothing\n\n"),
      OLDER,
    );
    expect(await client.request("tools/call", { name: "t" })).toMatchObject({
      error: { data: { code: "OUTCOME_UNKNOWN" } },
    });
    expect(resumed).toHaveLength(5);
  });

  it("without ids is not read on", async () => {
    const { client, resumed } = await start(
      (stream) => void stream.end("data: \n\n"),
      () => {},
    );
    expect(await client.request("tools/call", { name: "t" })).toMatchObject({
      error: { data: { code: "OUTCOME_UNKNOWN" } },
    });
    expect(resumed).toEqual([]);
  });
});

describe("the own stream of a session", () => {
  it("is opened again from where it broke", async () => {
    const { client, own } = await start(
      (stream, id) => void stream.end(`data: ${JSON.stringify(result(id, "done"))}\n\n`),
      () => {},
    );
    await client.request("tools/call", { name: "t" });
    // The gateway's own session, and the client's.
    await vi.waitFor(() => expect(own).toHaveLength(2));
    const log = { jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: "x" } };
    const stream = own[1]?.stream;
    stream?.write(event("own-7", log), () => stream.destroy());
    await vi.waitFor(() => expect(own.map(({ after }) => after)).toEqual([undefined, undefined, "own-7"]), {
      timeout: 20_000,
    });
  });
});

describe("a client whose connection breaks", () => {
  const progress = (token: unknown, at: number): string =>
    `data: ${JSON.stringify({ jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: token, progress: at } })}\n\n`;

  it("in the middle of a call reads on where it was, and gets the answer", async () => {
    let upstream: { stream: ServerResponse; id: number } | undefined;
    const { client } = await start(
      (stream, id) => {
        upstream = { stream, id };
        stream.write(progress(id, 1));
      },
      () => {},
    );
    const call = {
      jsonrpc: "2.0",
      id: 9,
      method: "tools/call",
      params: { name: "t", _meta: { progressToken: "p" } },
    };
    const first = await client.open(call);
    const events = first.messages[Symbol.asyncIterator]();
    expect((await events.next()).value).toMatchObject({ params: { progressToken: "p", progress: 1 } });
    first.abort();
    await events.next().catch(() => {});
    if (upstream === undefined) throw new Error("the call did not reach the server");
    upstream.stream.write(progress(upstream.id, 2));
    upstream.stream.end(`data: ${JSON.stringify(result(upstream.id, "late"))}\n\n`);

    const again = await client.listen({ headers: { "last-event-id": "1-1" } });
    const seen: unknown[] = [];
    for await (const message of again.messages) seen.push(message);
    expect(seen).toMatchObject([
      { params: { progressToken: "p", progress: 2 } },
      { id: 9, result: { content: [{ text: "late" }] } },
    ]);
    const gone = await client.listen({ headers: { "last-event-id": "77-1" } });
    expect(gone.status).toBe(400);
  });

  it("on its own stream reads on behind the last message that it has seen", async () => {
    const { client, own } = await start(
      (stream, id) => void stream.end(`data: ${JSON.stringify(result(id, "done"))}\n\n`),
      () => {},
    );
    await client.request("tools/call", { name: "t" });
    await vi.waitFor(() => expect(own).toHaveLength(2));
    const say = (data: string): void => {
      const params = { level: "info", data };
      own[1]?.stream.write(
        `data: ${JSON.stringify({ jsonrpc: "2.0", method: "notifications/message", params })}\n\n`,
      );
    };
    const first = await client.listen();
    const events = first.messages[Symbol.asyncIterator]();
    say("one");
    say("two");
    expect((await events.next()).value).toMatchObject({ params: { data: "one" } });
    first.abort();
    await events.next().catch(() => {});
    say("three");
    const again = await client.listen({ headers: { "last-event-id": "0-1" } });
    const resumed = again.messages[Symbol.asyncIterator]();
    expect((await resumed.next()).value).toMatchObject({ params: { data: "two" } });
    expect((await resumed.next()).value).toMatchObject({ params: { data: "three" } });
    again.abort();
  });
});
