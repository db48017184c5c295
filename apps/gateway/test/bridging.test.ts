// Servers that ask their clients: sampling, elicitation and roots, from each era to each era, with the official SDKs and
// the reference server as peers.
import { createRawClient, everythingServer, waitUntil } from "@fairlead/testbed";
import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
} from "@modelcontextprotocol/client";
import { Client as LegacyClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as LegacyTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { modernHttpFixture, modernStdioFixture, startGateway, type TestGateway } from "./gateway.ts";

const node = process.execPath;
const everythingHttp = {
  url: "http://localhost/mcp",
  command: node,
  args: [everythingServer, "streamableHttp"],
  env: { PORT: "{socket}" },
};
const everythingStdio = { command: node, args: [everythingServer, "stdio"], era: "legacy" };

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({
    pools: {
      web: { upstreams: [everythingHttp] },
      pipe: { session: "per-client", upstreams: [everythingStdio] },
      once: { session: "ephemeral", upstreams: [everythingHttp] },
      shared: { session: "shared", upstreams: [everythingHttp] },
      new: { upstreams: [modernHttpFixture()] },
      "new-pipe": { upstreams: [modernStdioFixture()] },
    },
  });
  await gateway.untilReady();
});
afterAll(() => gateway[Symbol.asyncDispose]());

/** A person with a name, a model that says who it is, and one folder. */
interface Person {
  call(name: string, args?: Record<string, unknown>): Promise<string>;
  close(): Promise<void>;
}

const clientInfo = { name: "test", version: "1.0.0" };
const capabilities = { sampling: {}, elicitation: { form: {} }, roots: { listChanged: true } };
const sampled = (name: string) => ({
  role: "assistant" as const,
  model: `model of ${name}`,
  content: { type: "text" as const, text: `I answer for ${name}` },
});
const roots = (name: string) => ({ roots: [{ uri: `file:///home/${name}`, name }] });

async function legacyPerson(name: string, path: string): Promise<Person> {
  const client = new LegacyClient(clientInfo, { capabilities });
  client.setRequestHandler(CreateMessageRequestSchema, () => sampled(name));
  client.setRequestHandler(ListRootsRequestSchema, () => roots(name));
  client.setRequestHandler(ElicitRequestSchema, () => ({
    action: "accept",
    content: { name, sure: true },
  }));
  await client.connect(
    new LegacyTransport(new URL(gateway.url + path)) as Parameters<LegacyClient["connect"]>[0],
  );
  return {
    call: async (tool, args = {}) => JSON.stringify(await client.callTool({ name: tool, arguments: args })),
    close: () => client.close(),
  };
}

async function modernPerson(name: string, path: string): Promise<Person> {
  const client = new ModernClient(clientInfo, {
    capabilities,
    versionNegotiation: { mode: { pin: "2026-07-28" } },
  });
  client.setRequestHandler("sampling/createMessage", () => sampled(name));
  client.setRequestHandler("roots/list", () => roots(name));
  client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: { name, sure: true } }));
  await client.connect(new ModernTransport(new URL(gateway.url + path)));
  return {
    call: async (tool, args = {}) => JSON.stringify(await client.callTool({ name: tool, arguments: args })),
    close: () => client.close(),
  };
}

const eras = [
  { era: "legacy", connect: legacyPerson },
  { era: "modern", connect: modernPerson },
];

describe.each(eras)("a $era client of a legacy server", ({ era, connect }) => {
  describe.each(["web", "pipe", "once"])("in pool %s", (pool) => {
    let person: Person;
    beforeAll(async () => {
      person = await connect("Ada", `/mcp/${pool}`);
    });
    afterAll(() => person.close());

    it("is asked by sampling", async () => {
      const answer = await person.call("trigger-sampling-request", { prompt: "Who are you?", maxTokens: 10 });
      expect(answer).toContain("I answer for Ada");
      expect(answer).toContain("model of Ada");
    });

    it("is asked by elicitation", async () => {
      expect(await person.call("trigger-elicitation-request")).toContain("- Name: Ada");
    });

    it("is asked for its roots", async () => {
      expect(await person.call("get-roots-list")).toContain("file:///home/Ada");
    });
  });

  it("is asked for itself alone, when many are asked at a time", async () => {
    const names = ["Alan", "Barbara", "Edsger", "Grace", "Katherine", "Niklaus"];
    const people = await Promise.all(names.map((name) => connect(name, "/mcp")));
    try {
      const answers = await Promise.all(
        people.flatMap((person) =>
          ["web", "pipe"].map((pool) => person.call(`${pool}__trigger-elicitation-request`)),
        ),
      );
      const told = answers.map((answer) => /- Name: (\w+)/.exec(answer)?.[1]);
      expect(told).toEqual(names.flatMap((name) => [name, name]));
    } finally {
      await Promise.all(people.map((person) => person.close()));
    }
  });

  it(`without capabilities is refused by the server, in words (${era})`, async () => {
    using client = createRawClient(`${gateway.url}/mcp/web`);
    const params = { name: "trigger-elicitation-request", arguments: {} };
    let text: string;
    if (era === "modern") {
      text = (await client.modern("tools/call", params)).text;
    } else {
      await client.initialize();
      text = JSON.stringify(await client.request("tools/call", params));
    }
    expect(text).toContain("trigger-elicitation-request not found");
  });
});

describe.each(["new", "new-pipe"])("a legacy client of the modern server %s", (pool) => {
  it("is asked by elicitation in the middle of its call", async () => {
    const person = await legacyPerson("Ada", `/mcp/${pool}`);
    try {
      expect(await person.call("confirm", { nonce: "launch" })).toContain("launch true state of launch");
    } finally {
      await person.close();
    }
  });

  it("that refuses the question has its call refused", async () => {
    const client = new LegacyClient(clientInfo, { capabilities: { elicitation: {} } });
    client.setRequestHandler(ElicitRequestSchema, () => Promise.reject(new Error("nobody is here")));
    await client.connect(
      new LegacyTransport(new URL(`${gateway.url}/mcp/${pool}`)) as Parameters<LegacyClient["connect"]>[0],
    );
    try {
      await expect(client.callTool({ name: "confirm", arguments: { nonce: "n" } })).rejects.toMatchObject({
        code: -32603,
        message: expect.stringContaining("nobody is here"),
        data: { code: "INPUT_REFUSED", pool },
      });
    } finally {
      await client.close();
    }
  });
});

describe("a shared session", () => {
  it("asks nobody: its servers do not offer what would ask", async () => {
    const person = await legacyPerson("Ada", "/mcp/shared");
    try {
      await expect(person.call("trigger-elicitation-request")).rejects.toThrow("Unknown tool");
      expect((await gateway.replica("shared-1")).sessions).toBe(0);
    } finally {
      await person.close();
    }
  });
});

describe("a session of a client's own", () => {
  it("begins with the first call, and ends with the client's session", async () => {
    const sessions = async (): Promise<number> => (await gateway.replica("web-1")).sessions;
    using client = createRawClient(`${gateway.url}/mcp/web`);
    await client.initialize();
    await client.request("tools/list");
    const before = await sessions();
    for (let call = 0; call < 3; call++)
      await client.request("tools/call", { name: "echo", arguments: { message: "m" } });
    expect(await sessions()).toBe(before + 1);
    await client.end();
    await waitUntil(async () => (await sessions()) === before, { what: "the session to end" });
  });

  it("of one call ends with the call", async () => {
    using client = createRawClient(`${gateway.url}/mcp/once`);
    await client.initialize();
    const calls = Array.from({ length: 5 }, () =>
      client.request("tools/call", { name: "echo", arguments: { message: "m" } }),
    );
    for (const reply of await Promise.all(calls)) expect(reply).toMatchObject({ result: { content: [{}] } });
    await waitUntil(async () => (await gateway.replica("once-1")).sessions === 0, {
      what: "the sessions to end",
    });
  });
});

describe("a held call", () => {
  const declared = { "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {} } } };
  const params = { name: "trigger-elicitation-request", arguments: {}, _meta: declared };

  it("goes on for who asks for the same thing only, and once only", async () => {
    using client = createRawClient(`${gateway.url}/mcp/web`);
    const [asked] = (await client.modern("tools/call", params)).messages;
    expect(asked).toMatchObject({ result: { resultType: "input_required" } });
    const { inputRequests, requestState } = asked?.result ?? {};
    const [[key, question] = ["", undefined]] = Object.entries(inputRequests ?? {});
    expect(question).toMatchObject({ method: "elicitation/create" });
    const inputResponses = { [key]: { action: "decline" } };
    const other = { ...params, arguments: { other: 1 }, requestState, inputResponses };
    expect((await client.modern("tools/call", other)).messages[0]).toMatchObject({ error: { code: -32602 } });
    const again = { ...params, requestState, inputResponses };
    const [finished] = (await client.modern("tools/call", again)).messages;
    expect(JSON.stringify(finished)).toContain("User declined");
    expect(finished).toMatchObject({ result: { resultType: "complete" } });
    expect((await client.modern("tools/call", again)).messages[0]).toMatchObject({
      error: { code: -32602, message: expect.stringContaining("expired") },
    });
  });

  it("asks again for what was left out", async () => {
    using client = createRawClient(`${gateway.url}/mcp/web`);
    const [first] = (await client.modern("tools/call", params)).messages;
    const requestState = first?.result?.["requestState"];
    expect(requestState).toEqual(expect.any(String));
    const [second] = (await client.modern("tools/call", { ...params, requestState, inputResponses: {} }))
      .messages;
    expect(second).toMatchObject({ result: { resultType: "input_required" } });
    expect(second?.result?.["requestState"]).not.toBe(requestState);
  });
});
