// Both official SDKs against real servers from npm, through the endpoint of everything and through that of one pool.

import { tempDir, waitUntil } from "@fairlead/testbed";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { realServers, startGateway, type TestGateway } from "./gateway.ts";
import { legacyClient, modernClient, type Progress, type SdkClient } from "./sdk-clients.ts";

let gateway: TestGateway;
let directory: Awaited<ReturnType<typeof tempDir>>;

beforeAll(async () => {
  directory = await tempDir();
  gateway = await startGateway(realServers(directory.path));
  await gateway.untilReady();
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

describe.each([
  { sdk: "v1 SDK, sessions of 2025-11-25", connect: legacyClient },
  { sdk: "v2 SDK, pinned to 2026-07-28", connect: modernClient },
])("$sdk", ({ connect }) => {
  describe.each([
    { path: "/mcp", prefix: "everything__", tools: 37 },
    { path: "/mcp/everything", prefix: "", tools: 13 },
  ])("through $path", ({ path, prefix, tools }) => {
    let client: SdkClient;

    beforeAll(async () => {
      client = await connect(new URL(gateway.url + path));
    });
    afterAll(() => client.close());

    it("lists all tools under names that are unique and fit", async () => {
      const names: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await client.listTools(cursor === undefined ? {} : { cursor });
        names.push(...page.tools.map(({ name }) => name));
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      expect(new Set(names).size).toBe(tools);
      expect(names).toContain(`${prefix}echo`);
      for (const name of names) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    });

    it("calls a tool", async () => {
      const { content } = await client.callTool(`${prefix}echo`, { message: "over the rail" });
      expect(content).toEqual([{ type: "text", text: "Echo: over the rail" }]);
    });

    it("lists and reads resources, listed ones and templated ones", async () => {
      const { resources } = await client.listResources();
      const [first] = resources;
      expect(resources.length).toBeGreaterThanOrEqual(7);
      const { contents } = await client.readResource({ uri: first?.uri ?? "" });
      expect(contents[0]?.uri).toBe(first?.uri);
      expect(String(contents[0]?.text).length).toBeGreaterThan(0);

      const { resourceTemplates } = await client.listResourceTemplates();
      expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toContain(
        "demo://resource/dynamic/text/{resourceId}",
      );
      const templated = await client.readResource({ uri: "demo://resource/dynamic/text/3" });
      expect(templated.contents[0]?.uri).toBe("demo://resource/dynamic/text/3");
    });

    it("lists and gets prompts, and completes their arguments", async () => {
      const { prompts } = await client.listPrompts();
      expect(prompts.map(({ name }) => name)).toContain(`${prefix}simple-prompt`);
      const { messages } = await client.getPrompt({ name: `${prefix}simple-prompt` });
      expect(messages).toHaveLength(1);
      const { completion } = await client.complete({
        ref: { type: "ref/prompt", name: `${prefix}completable-prompt` },
        argument: { name: "department", value: "Eng" },
      });
      expect(completion.values).toContain("Engineering");
    });

    it("receives the progress of a call, in order", async () => {
      const seen: Progress[] = [];
      const args = { duration: 0.2, steps: 4 };
      await client.callTool(`${prefix}trigger-long-running-operation`, args, {
        onprogress: (progress) => seen.push(progress),
      });
      expect(seen.map(({ progress, total }) => [progress, total])).toEqual([
        [1, 4],
        [2, 4],
        [3, 4],
        [4, 4],
      ]);
    });

    it("cancels a call, and the upstream's slot is free again", async () => {
      const abort = new AbortController();
      const args = { duration: 3_600, steps: 1_800_000 };
      const call = client.callTool(`${prefix}trigger-long-running-operation`, args, {
        signal: abort.signal,
        onprogress: () => abort.abort(new Error("enough")),
      });
      await expect(call).rejects.toThrow();
      await waitUntil(async () => (await gateway.status()).calls.inFlight === 0, {
        what: "the cancelled call to end",
      });
    });

    it("tells an unknown tool, resource and prompt from a broken gateway", async () => {
      await expect(client.callTool(`${prefix}no-such-tool`, {})).rejects.toMatchObject({ code: -32602 });
      await expect(client.readResource({ uri: "nowhere://at/all" })).rejects.toThrow(/not found/i);
      await expect(client.getPrompt({ name: `${prefix}no-such-prompt` })).rejects.toMatchObject({
        code: -32602,
      });
    });
  });

  it("calls tools of every pool through one connection", async () => {
    const client = await connect(new URL(`${gateway.url}/mcp`));
    try {
      const graph = {
        entities: [{ name: "fairlead", entityType: "fitting", observations: ["leads lines"] }],
      };
      await client.callTool("memory__create_entities", graph);
      expect(JSON.stringify(await client.callTool("memory__read_graph", {}))).toContain("leads lines");
      const listed = await client.callTool("files__list_allowed_directories", {});
      expect(JSON.stringify(listed)).toContain(directory.path);
      const thought = { thought: "one", nextThoughtNeeded: false, thoughtNumber: 1, totalThoughts: 1 };
      expect(JSON.stringify(await client.callTool("thinking__sequentialthinking", thought))).toContain(
        "thoughtNumber",
      );
    } finally {
      await client.close();
    }
  });
});
