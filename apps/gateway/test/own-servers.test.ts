// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax of references
// The sections `lmStudio` and `rag`: pools of servers that come with Fairlead, without a command line in the file.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createLmStudioSimulator } from "@fairlead/lmstudio/simulator";
import { createRawClient, type RawClient, tempDir, waitUntil } from "@fairlead/testbed";
import { expect, it } from "vitest";
import { checkConfig } from "../src/config/check.ts";
import { loadConfig } from "../src/config/load.ts";
import { NO_LIMITS, startGateway, type TestGateway } from "./gateway.ts";

const TOKEN = "a-token-of-the-hosts";
const hostWith = (answer: string, apiToken = "") =>
  createLmStudioSimulator({
    models: [
      { key: "chat", answer, loaded: true },
      { key: "embed", type: "embedding", dimensions: 16, loaded: true },
    ],
    ...(apiToken === "" ? {} : { apiToken }),
  });

async function call(client: RawClient, name: string, given: Readonly<Record<string, unknown>>) {
  const { result, error } = await client.request("tools/call", { name, arguments: given });
  if (result === undefined) throw new Error(JSON.stringify(error));
  return result["structuredContent"] as Readonly<Record<string, unknown>>;
}

async function connected(gateway: TestGateway): Promise<RawClient> {
  const client = createRawClient(`${gateway.url}/mcp`);
  await client.initialize();
  return client;
}

/** Writes another configuration, and waits until it is in force. */
async function change(gateway: TestGateway, config: Readonly<Record<string, unknown>>): Promise<string[]> {
  await writeFile(gateway.file, JSON.stringify({ clients: NO_LIMITS, ...config }));
  const response = await fetch(`${gateway.url}/api/config/reload`, {
    method: "POST",
    headers: { authorization: `Bearer ${await gateway.adminToken()}` },
  });
  const { ok, error } = (await response.json()) as { ok: boolean; error: string | null };
  if (!ok) throw new Error(String(error));
  return (await gateway.status()).pools.map(({ namespace }) => namespace).sort();
}

it("lmStudio: asks the hosts that are named, with their token, and others after a reload", async () => {
  await using first = hostWith("From the first.", TOKEN);
  await using second = hostWith("From the second.", TOKEN);
  const [one, two] = [await first.listen(), await second.listen()];
  const config = (host: string) => ({ lmStudio: { hosts: [`${host}/v1`], apiToken: "${LM_TOKEN}" } });
  await using gateway = await startGateway(config(one), undefined, { LM_TOKEN: TOKEN });
  await gateway.untilReady();
  using client = await connected(gateway);
  const { pid } = await gateway.replica("lm");
  const ask = () => call(client, "lm__chat_completion", { prompt: "Who are you?", model: "chat" });
  expect(await ask()).toMatchObject({ ok: true, text: "From the first." });

  expect(await change(gateway, config(two))).toEqual(["lm"]);
  await waitUntil(
    async () => {
      const replica = await gateway.replica("lm");
      return replica.pid !== pid && replica.status === "ready";
    },
    { what: "the server of the other host" },
  );
  expect(await ask()).toMatchObject({ ok: true, text: "From the second." });
  expect(JSON.stringify(await gateway.status())).not.toContain(TOKEN);
  expect(gateway.process.stderr()).not.toContain(TOKEN);
});

it("rag: replicas follow a folder, compare meanings by the models of lmStudio, and come and go by reload", async () => {
  await using directory = await tempDir();
  await mkdir(directory.file("notes"));
  await writeFile(directory.file("notes/otter.md"), "# Otters\n\nOtters hold hands when they sleep.\n");
  await writeFile(directory.file("notes/secret.txt"), "Not to be found.\n");
  await using host = hostWith("Never asked.");
  const lmStudio = { hosts: [await host.listen()], namespace: "models" };
  const notes = {
    store: directory.file("notes.sqlite"),
    roots: [directory.file("notes")],
    include: ["**/*.md"],
    embeddings: { model: "embed" },
  };
  await using gateway = await startGateway({ lmStudio, rag: { notes } });
  await gateway.untilReady(["notes.1", "notes.2", "models"]);
  using client = await connected(gateway);
  const search = (query: string) => call(client, "notes__hybrid_search", { query });
  const found = await waitUntil(
    async () => {
      const answer = await search("What do otters do?");
      return answer["mode"] === "hybrid" && (answer["results"] as unknown[]).length > 0 ? answer : undefined;
    },
    { what: "the folder to be searchable by meaning" },
  );
  expect(JSON.stringify(found)).toContain("hold hands");
  expect(JSON.stringify(await search("found"))).not.toContain("Not to be found");

  const pids = [(await gateway.replica("models")).pid, (await gateway.replica("notes.1")).pid];
  const recipes = { store: directory.file("recipes.sqlite"), replicas: 1 };
  expect(await change(gateway, { lmStudio, rag: { notes, recipes } })).toEqual([
    "models",
    "notes",
    "recipes",
  ]);
  await gateway.untilReady(["recipes.1"]);
  expect(await call(client, "recipes__status", {})).toMatchObject({ documents: 0, mode: "lexical" });
  expect(await change(gateway, { lmStudio, rag: { notes } })).toEqual(["models", "notes"]);
  // Who was not changed was not touched.
  expect([(await gateway.replica("models")).pid, (await gateway.replica("notes.1")).pid]).toEqual(pids);
});

it("passes every option on, and secrets only in the environment", async () => {
  await using directory = await tempDir();
  const file = directory.file("fairlead.config.yaml");
  await writeFile(
    file,
    JSON.stringify({
      poolDefaults: { maxQueue: 7 },
      lmStudio: {
        namespace: "local",
        hosts: ["http://desk:1234/v1", "http://laptop:1234/v1"],
        apiToken: "${LM_TOKEN}",
        toolTimeoutMs: 900_000,
        maxConcurrent: 3,
        ratePerSecond: 2,
        maxRetries: 1,
        connectTimeoutMs: 1_500,
        taskRoutes: [{ task: "code", words: ["bug", "test"], models: ["coder", "chat"] }],
        pool: { maxAttempts: 1 },
      },
      rag: {
        docs: {
          store: "postgres://rag:${DB_PASSWORD}@db/rag",
          roots: ["docs", "notes"],
          sync: "start",
          include: ["**/*.md"],
          exclude: ["drafts"],
          collection: "handbook",
          language: "simple",
          chunkChars: 900,
          embeddings: {
            model: "embed",
            hosts: ["http://embed:8080/v1"],
            apiToken: "${EMBED_TOKEN}",
            documentPrefix: "doc: ",
            queryPrefix: "query: ",
          },
          reranking: { url: "http://rerank:8080", model: "cross", apiToken: "${RERANK_TOKEN}" },
          extractModel: "chat",
          replicas: { min: 1, max: 4 },
          pool: { strategy: "round-robin", timeoutMs: 20_000 },
        },
        plain: { roots: ["."], sync: "off" },
        borrowed: { embeddings: { model: "embed" } },
      },
    }),
  );
  const { multiplexer, secrets } = await loadConfig(file, {
    LM_TOKEN: "lm-secret",
    DB_PASSWORD: "db-secret",
    EMBED_TOKEN: "embed-secret",
    RERANK_TOKEN: "rerank-secret",
  });
  const pools = new Map(multiplexer.pools.map((pool) => [pool.namespace, pool]));
  const program = (namespace: string) => {
    const [upstream] = pools.get(namespace)?.upstreams ?? [];
    if (upstream === undefined || !("args" in upstream)) throw new Error(`no program in ${namespace}`);
    return upstream;
  };
  expect(pools.get("local")).toMatchObject({
    ...{ maxQueue: 7, maxAttempts: 1, timeoutMs: 910_000, maxTimeoutMs: 910_000 },
    upstreams: [
      {
        id: "local",
        env: {
          LMSTUDIO_API_BASE: "http://desk:1234/v1,http://laptop:1234/v1",
          LMSTUDIO_API_TOKEN: "lm-secret",
          LMSTUDIO_TOOL_TIMEOUT_SEC: "900",
          MAX_CONCURRENT_REQUESTS: "3",
          ROUTER_RATE_LIMIT_TPS: "2",
          HTTP_MAX_RETRIES: "1",
          HTTP_CONNECT_TIMEOUT: "1.5",
          LMSTUDIO_TASK_ROUTES: "code|bug|test=coder|chat",
        },
      },
    ],
  });
  expect(pools.get("docs")).toMatchObject({
    ...{ strategy: "round-robin", timeoutMs: 20_000, maxQueue: 7 },
    upstreams: [
      {
        ...{ id: "docs", cwd: directory.path, replicas: { min: 1, max: 4 } },
        env: {
          FAIRLEAD_RAG_STORE: "postgres://rag:db-secret@db/rag",
          FAIRLEAD_RAG_LANGUAGE: "simple",
          FAIRLEAD_RAG_CHUNK_CHARS: "900",
          FAIRLEAD_RAG_EMBED_MODEL: "embed",
          FAIRLEAD_RAG_EMBED_URL: "http://embed:8080/v1",
          FAIRLEAD_RAG_EMBED_TOKEN: "embed-secret",
          FAIRLEAD_RAG_DOCUMENT_PREFIX: "doc: ",
          FAIRLEAD_RAG_QUERY_PREFIX: "query: ",
          FAIRLEAD_RAG_RERANK_URL: "http://rerank:8080",
          FAIRLEAD_RAG_RERANK_MODEL: "cross",
          FAIRLEAD_RAG_RERANK_TOKEN: "rerank-secret",
          FAIRLEAD_RAG_EXTRACT_MODEL: "chat",
        },
      },
    ],
  });
  expect(program("docs").args?.filter((flag) => flag.startsWith("--") && !/conditions/.test(flag))).toEqual([
    ...["--root=docs", "--root=notes", "--sync", "--include=**/*.md", "--exclude=drafts"],
    "--collection=handbook",
  ]);
  expect(program("plain").args).toContain("--root=.");
  expect(program("plain").args?.join()).not.toMatch(/sync|watch/);
  expect(program("plain")).toMatchObject({ replicas: { min: 2 } });
  expect(program("plain").env).toEqual({ FAIRLEAD_RAG_STORE: ".fairlead/plain.sqlite" });
  // Those of lmStudio, with its token.
  expect(program("borrowed").env).toMatchObject({
    FAIRLEAD_RAG_EMBED_URL: "http://desk:1234/v1,http://laptop:1234/v1",
    FAIRLEAD_RAG_EMBED_TOKEN: "lm-secret",
  });
  expect([...secrets].sort()).toEqual(["db-secret", "embed-secret", "lm-secret", "rerank-secret"]);
  expect(
    multiplexer.pools
      .flatMap(({ upstreams }) => JSON.stringify(upstreams.map((u) => "args" in u && u.args)))
      .join(),
  ).not.toContain("secret");
});

it("names files that exist: what is started is what the packages publish", async () => {
  await using directory = await tempDir();
  const file = join(directory.path, "fairlead.config.yaml");
  await writeFile(file, JSON.stringify({ lmStudio: {}, rag: { docs: {} } }));
  const { multiplexer } = await loadConfig(file, {});
  for (const { upstreams } of multiplexer.pools)
    for (const upstream of upstreams) {
      const script =
        "args" in upstream ? upstream.args?.find((argument) => /main\.[jt]s$/.test(argument)) : "";
      expect(await readFile(script ?? "", "utf8")).toContain("#!/usr/bin/env node");
    }
});

it("config check has nothing to say about sections that are right", async () => {
  await using directory = await tempDir();
  const file = directory.file("fairlead.config.yaml");
  await writeFile(file, JSON.stringify({ lmStudio: {}, rag: { docs: { roots: ["docs"] } } }));
  const { errors, warnings, recommendations } = await checkConfig(file, {});
  expect([...errors, ...warnings, ...recommendations]).toEqual([]);
});
