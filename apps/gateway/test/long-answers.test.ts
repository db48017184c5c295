// Answers of many megabytes: they pass while they arrive, at the pace of the client, and only the id is changed.
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { waitUntil } from "@fairlead/testbed";
import { describe, expect, it } from "vitest";
import { startGateway } from "./gateway.ts";

const MEGABYTE = 1024 * 1024;
const ITEM = JSON.stringify({ type: "text", text: `${'line of text \\ " '.repeat(60)}é` });

interface Upstream extends AsyncDisposable {
  readonly url: string;
  /** Bytes of the long answer that were written so far. */
  written(): number;
  calls(): number;
}

type Manner = "json" | "sse" | "breaks";

/** A server whose only tool answers with `megabytes` of text, id last, as the official SDK prints it. */
async function startUpstream(manner: Manner, annotations: object = {}): Promise<Upstream> {
  let written = 0;
  let calls = 0;
  const server = createServer((incoming, outgoing) => void answer(incoming, outgoing));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    written: () => written,
    calls: () => calls,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    if (incoming.method !== "POST") {
      outgoing.writeHead(405).end();
      return;
    }
    const { id, method, params } = JSON.parse(Buffer.concat(chunks).toString()) as {
      id?: number;
      method: string;
      params?: { arguments?: { megabytes?: number } };
    };
    if (id === undefined || method !== "tools/call") {
      plain(outgoing, id, method);
      return;
    }
    calls++;
    const total = (params?.arguments?.megabytes ?? 1) * MEGABYTE;
    outgoing.writeHead(200, { "content-type": manner === "sse" ? "text/event-stream" : "application/json" });
    const write = async (text: string): Promise<void> => {
      written += text.length;
      if (!outgoing.write(text)) await new Promise((resolve) => outgoing.once("drain", resolve));
    };
    await write(`${manner === "sse" ? "event: message\ndata: " : ""}{"result":{"content":[${ITEM}`);
    const piece = `,${ITEM}`.repeat(64);
    for (let sent = 0; sent < total && !outgoing.destroyed; sent += piece.length) {
      await write(piece);
      if (manner === "breaks" && sent > total / 2) {
        outgoing.destroy();
        return;
      }
    }
    await write(`],"isError":false},"jsonrpc":"2.0","id":${id}}${manner === "sse" ? "\n\n" : ""}`);
    outgoing.end();
  }

  function plain(outgoing: ServerResponse, id: number | undefined, method: string): void {
    if (id === undefined) {
      outgoing.writeHead(202).end();
      return;
    }
    const result =
      method === "initialize"
        ? {
            protocolVersion: "2025-11-25",
            capabilities: { tools: {} },
            serverInfo: { name: "u", version: "1" },
          }
        : method === "tools/list"
          ? { tools: [{ name: "read", inputSchema: { type: "object" }, annotations }] }
          : {};
    outgoing.writeHead(200, { "content-type": "application/json" });
    outgoing.end(JSON.stringify({ jsonrpc: "2.0", id, result }));
  }
}

/** Asks the gateway and returns the response before anything of its body was read. */
function ask(url: string, megabytes: number): Promise<IncomingMessage> {
  const body = JSON.stringify({
    jsonrpc: "2.0",
    id: "long-😀",
    method: "tools/call",
    params: { name: "pool__read", arguments: { megabytes } },
  });
  return new Promise((resolve, reject) => {
    const outgoing = request(`${url}/mcp`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
    });
    outgoing.on("response", resolve).on("error", reject);
    outgoing.end(body);
  });
}

async function text(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function startPool(upstreams: readonly Upstream[], limits: object = {}) {
  const gateway = await startGateway({
    limits,
    pools: { pool: { upstreams: upstreams.map(({ url }) => ({ url, era: "legacy" })) } },
  });
  await gateway.untilReady();
  return gateway;
}

describe("a long answer", () => {
  it.each(["json", "sse"] as const)("arrives whole, with the client's id (%s)", async (manner) => {
    await using upstream = await startUpstream(manner);
    await using gateway = await startPool([upstream]);
    const body = await text(await ask(gateway.url, 3));
    const { id, jsonrpc, result } = JSON.parse(body) as {
      id: string;
      jsonrpc: string;
      result: { content: unknown[]; isError: boolean };
    };
    expect([id, jsonrpc, result.isError]).toEqual(["long-😀", "2.0", false]);
    expect(body.length).toBeGreaterThan(3 * MEGABYTE);
    for (const item of result.content) expect(JSON.stringify(item)).toBe(ITEM);
    expect(body.startsWith(`{"result":{"content":[${ITEM},`)).toBe(true);
  });

  it.each(["json", "sse"] as const)(
    "waits for a client that does not read, instead of filling the gateway's memory (%s)",
    async (manner) => {
      await using upstream = await startUpstream(manner);
      await using gateway = await startPool([upstream], { maxResponseBytes: 64 * MEGABYTE });
      const response = await ask(gateway.url, 48);
      response.pause();
      let last = -1;
      await waitUntil(
        () => {
          const before = last;
          last = upstream.written();
          return last === before && last > 0;
        },
        { what: "the upstream to be held up", intervalMs: 300 },
      );
      // What fits into the sockets on the way, and little more.
      expect(last).toBeLessThan(24 * MEGABYTE);
      expect((await text(response)).length).toBeGreaterThan(48 * MEGABYTE);
    },
  );

  it("that breaks off breaks the client's connection, and is never fetched from elsewhere", async () => {
    await using first = await startUpstream("breaks", { readOnlyHint: true });
    await using second = await startUpstream("breaks", { readOnlyHint: true });
    await using gateway = await startPool([first, second]);
    const response = await ask(gateway.url, 2);
    await expect(text(response)).rejects.toThrow(/aborted/);
    expect(first.calls() + second.calls()).toBe(1);
    await waitUntil(async () => (await gateway.status()).calls.inFlight === 0, {
      what: "the slot to be free",
    });
  });

  it("that becomes too long breaks off too", async () => {
    await using upstream = await startUpstream("json");
    await using gateway = await startPool([upstream], { maxResponseBytes: 2 * MEGABYTE });
    const response = await ask(gateway.url, 8);
    await expect(text(response)).rejects.toThrow(/aborted/);
  });

  it("stops at the upstream when the client goes away", async () => {
    await using upstream = await startUpstream("json");
    await using gateway = await startPool([upstream], { maxResponseBytes: 64 * MEGABYTE });
    const response = await ask(gateway.url, 48);
    response.destroy();
    await waitUntil(async () => (await gateway.status()).calls.inFlight === 0, {
      what: "the slot to be free",
    });
    expect(upstream.written()).toBeLessThan(48 * MEGABYTE);
  });
});
