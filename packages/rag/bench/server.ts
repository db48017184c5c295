// How long the event loop of a real server stands still, and why, while it is asked and filled through the protocol:
// `node --conditions=@fairlead/source bench/server.ts [--chunks 10000] [--calls 200] [--store <file>|postgres://…]
// [--transport http|stdio] [--only <pattern of kinds>] [--profile] [--seed 2026]`. Prints one line of JSON per kind of call, and one for all.
import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startProcess } from "@fairlead/testbed";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { openStore } from "../src/store/open-store.ts";
import { docxOf, pdfOf } from "../test/documents.ts";
import { createCorpus } from "./corpus.ts";
import { fill, space } from "./fill.ts";
import type { Gap, ProbeReport } from "./probe.ts";

const { values } = parseArgs({
  options: {
    chunks: { type: "string", default: "10000" },
    calls: { type: "string", default: "200" },
    seed: { type: "string", default: "2026" },
    store: { type: "string" },
    transport: { type: "string", default: "http" },
    only: { type: "string", default: "" },
    profile: { type: "boolean", default: false },
  },
});
const [chunks, calls, seed] = [Number(values.chunks), Number(values.calls), Number(values.seed)];
const corpus = createCorpus(space.dimension, seed);
const folder = await mkdtemp(join(tmpdir(), "fairlead-rag-bench-"));
const location = values.store ?? join(folder, "bench.sqlite");
const store = await openStore(location);
await fill(store, location, corpus, chunks);
const { kind, engine } = await store.describe();
const first = await store.documents({ collection: "bench", limit: 50 });

// What is ingested, in files below the server's root.
const root = join(folder, "root");
await mkdir(join(root, "synced"), { recursive: true });
const words = (count: number): string => corpus.text().split(" ").slice(0, count).join(" ");
const section = (at: number): string =>
  `## Section ${at} ${words(3)}\n\n${corpus.text()}\n\nSee [${words(2)}](other-${at % 50}.md#part).\n\n\`\`\`ts\n${words(20)}\n${words(20)}\n\`\`\`\n\n| a | b |\n| - | - |\n| ${words(5)} | ${words(5)} |\n\n`;
const markdown = (bytes: number): string => {
  let text = `# ${words(4)}\n\n`;
  for (let at = 0; text.length < bytes; at++) text += section(at);
  return text;
};
const html = (bytes: number): string => {
  let text = "<html><head><title>Large</title></head><body>";
  while (text.length < bytes) text += `<h2>${words(3)}</h2><p>${corpus.text()}</p>`;
  return `${text}</body></html>`;
};
const MIB = 1024 * 1024;
await writeFile(join(root, "large.md"), markdown(5 * MIB));
await writeFile(join(root, "large.html"), html(2 * MIB));
await writeFile(join(root, "large.pdf"), pdfOf(Array.from({ length: 1_000 }, () => corpus.text())));
await writeFile(
  join(root, "large.docx"),
  docxOf(Array.from({ length: 3_000 }, (_, at) => [at % 20 === 0 ? "Heading1" : "Normal", corpus.text()])),
);
for (let at = 0; at < 1_000; at++) await writeFile(join(root, "synced", `${at}.md`), markdown(2_000));

// The embedding endpoint: any vector will do, as long as it is one of the corpus's kind.
const vectors = Array.from({ length: 256 }, () => `[${corpus.vector().join(",")}]`);
const endpoint = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => {
    const body = Buffer.concat(parts).toString("utf8");
    const { input } = JSON.parse(body === "" ? '{"input":[]}' : body) as {
      readonly input: string | readonly string[];
    };
    const data = [input].flat().map((_, index) => {
      const vector = vectors[Math.floor(Math.random() * vectors.length)];
      return `{"object":"embedding","index":${index},"embedding":${vector}}`;
    });
    response.setHeader("content-type", "application/json");
    response.end(`{"object":"list","model":"${space.model}","data":[${data.join(",")}]}`);
  });
});
await new Promise<void>((resolve) => endpoint.listen(0, "127.0.0.1", resolve));
const embedUrl = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/v1`;

const probe = join(folder, "probe.json");
const file = (path: string): string => new URL(path, import.meta.url).pathname;
const node = ["--conditions=@fairlead/source", "--import", file("./probe.ts"), file("../src/main.ts")];
const options = ["--store", location, "--embed-url", embedUrl, "--embed-model", space.model, "--root", root];
const env = { FAIRLEAD_PROBE: probe, FAIRLEAD_PROBE_PROFILE: values.profile ? "1" : "0" };

interface Phase {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly calls: number;
}
const now = (): number => Number(process.hrtime.bigint()) / 1e6;

/** Runs a server, and what is done with it in phases; returns the phases and what the probe saw. */
async function observe(
  extra: readonly string[],
  work: (client: Client, phase: (name: string, run: () => Promise<number>) => Promise<void>) => Promise<void>,
): Promise<{ readonly phases: readonly Phase[]; readonly report: ProbeReport }> {
  const phases: Phase[] = [];
  const phase = async (name: string, run: () => Promise<number>): Promise<void> => {
    if (!new RegExp(values.only).test(name)) return;
    const from = now();
    const count = await run();
    phases.push({ name, from, to: now(), calls: count });
  };
  const client = new Client(
    { name: "bench", version: "1" },
    { versionNegotiation: { mode: { pin: "2026-07-28" } } },
  );
  if (values.transport === "stdio") {
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [...node, ...options, ...extra],
      env: { ...(process.env as Record<string, string>), ...env },
      stderr: "inherit",
    });
    const from = now();
    await client.connect(transport);
    // Nothing is sent before the first request: that one waits until the server has started.
    await client.listTools();
    phases.push({ name: "start", from, to: now(), calls: 1 });
    await work(client, phase);
    await client.close();
  } else {
    const args = [...node, "--http", "--port", "0", ...options, ...extra];
    const from = now();
    await using server = await startProcess({ command: process.execPath, args, env });
    const [, url = ""] = await server.waitForLine(/listening on (.*)/, 60_000);
    phases.push({ name: "start", from, to: now(), calls: 0 });
    await client.connect(new StreamableHTTPClientTransport(new URL(url)));
    await work(client, phase);
    await client.close();
    server.kill("SIGTERM");
    await server.exited;
    if (server.stderr().split("\n").length > 2) process.stderr.write(server.stderr());
  }
  return { phases, report: JSON.parse(await readFile(probe, "utf8")) as ProbeReport };
}

const call = async (client: Client, name: string, given: Record<string, unknown>): Promise<void> => {
  const answer = await client.callTool({ name, arguments: given }, { timeout: 600_000 });
  if (answer.isError === true) throw new Error(`${name}: ${JSON.stringify(answer.content).slice(0, 500)}`);
};
const times = async (count: number, run: (at: number) => Promise<void>): Promise<number> => {
  for (let at = 0; at < count; at++) await run(at);
  return count;
};
const atOnce = async (count: number, width: number, run: (at: number) => Promise<void>): Promise<number> => {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
  return count;
};
const documents = (count: number, bytes: number, from: number) =>
  Array.from({ length: count }, (_, at) => ({ uri: `probe:${from + at}`, text: markdown(bytes) }));
const collection = "probe";

const served = await observe([], async (client, phase) => {
  const search =
    (name: string, more: Record<string, unknown> = {}) =>
    (): Promise<void> =>
      call(client, name, { query: corpus.query(), ...more });
  await phase("first calls", () => times(3, search("hybrid_search")));
  await phase("hybrid", () => times(calls, search("hybrid_search")));
  await phase("hybrid, 8 at once", () => atOnce(calls, 8, search("hybrid_search")));
  await phase("hybrid, 100 results", () =>
    times(20, search("hybrid_search", { maxResults: 100, maxChars: 200_000 })),
  );
  await phase("hybrid, diversity", () =>
    times(20, search("hybrid_search", { maxResults: 100, diversity: 0.5 })),
  );
  await phase("vector", () => times(calls, search("vector_search")));
  await phase("filtered", () => times(calls, search("hybrid_search", { metadata: { tenth: 3 } })));
  await phase("search and fetch", () =>
    times(20, async (at) => {
      await call(client, "search", { query: corpus.query() });
      await call(client, "fetch", { id: first[at % first.length]?.id });
    }),
  );
  await phase("status", () => times(20, () => call(client, "status", {})));
  await phase("list_sources, 500 each", () => times(20, () => call(client, "list_sources", { limit: 500 })));
  await phase("resources/list", () => times(5, async () => void (await client.listResources())));
  await phase("tools/list", () => times(20, async () => void (await client.listTools())));
  await phase("ingest_documents, 1 of 10 KB", () =>
    times(20, (at) => call(client, "ingest_documents", { collection, documents: documents(1, 10_000, at) })),
  );
  await phase("ingest_documents, 500 of 2 KB", () =>
    times(1, () => call(client, "ingest_documents", { collection, documents: documents(500, 2_000, 1_000) })),
  );
  await phase("ingest_documents, 1 of 5 MiB", () =>
    times(1, () => call(client, "ingest_documents", { collection, documents: documents(1, 5 * MIB, 2_000) })),
  );
  for (const type of ["md", "html", "pdf", "docx"])
    await phase(`ingest_file, .${type}`, () =>
      times(1, () => call(client, "ingest_file", { collection, path: `large.${type}` })),
    );
  await phase("graph", () =>
    times(50, () => call(client, "graph_query", { query: words(3), maxResults: 100, depth: 3 })),
  );
  await phase("fetch of 5 MiB", async () => {
    const { id } = (await store.documents({ collection, uriPrefix: "probe:2000", limit: 1 }))[0] ?? {};
    return times(5, async () => {
      await call(client, "fetch", { id });
      await client.readResource({ uri: `rag://documents/${id}` });
    });
  });
  await phase("hybrid while ingesting", async () => {
    let ended = false;
    const ingest = times(4, (at) =>
      call(client, "ingest_documents", { collection, documents: documents(100, 5_000, 3_000 + 100 * at) }),
    ).finally(() => {
      ended = true;
    });
    let count = 0;
    for (; !ended; count++) await search("hybrid_search")();
    await ingest;
    return count;
  });
});
const syncing = await observe(["--sync", "--collection", collection], async (client, phase) => {
  await phase("sync of 1 000 files", () => untilInStep(client));
});
const again = new Date();
for (let at = 0; at < 1_000; at++) await utimes(join(root, "synced", `${at}.md`), again, again);
const resyncing = await observe(["--sync", "--collection", collection], async (client, phase) => {
  await phase("sync of 1 000 touched files", () => untilInStep(client));
});

async function untilInStep(client: Client): Promise<number> {
  for (let count = 1; ; count++) {
    const { structuredContent } = await client.callTool({ name: "status" });
    const [state] = (structuredContent as { folders: { state: string; files: number; message: string }[] })
      .folders;
    if (state?.state === "in-step") {
      if (state.message !== "") throw new Error(state.message);
      return count;
    }
    if (state?.state === "failed") throw new Error(state.message);
    await call(client, "hybrid_search", { query: corpus.query() });
  }
}

const round = (value: number): number => Number(value.toFixed(1));
const REPORTED_MS = 5;
const shown = ({ at: _at, ms, cpuMs, waitedForCoreMs, gc, stack }: Gap) => ({
  ...{ ms: round(ms), cpuMs: round(cpuMs), waitedForCoreMs: round(waitedForCoreMs) },
  gc: gc.map(({ kind, ms }) => `${kind} ${round(ms)}`),
  ...(stack === undefined ? {} : { stack }),
});
const machine = { node: process.version, cpus: cpus().length, load: loadavg()[0]?.toFixed(1) };
const setup = { store: kind, engine, chunks, seed, transport: values.transport, ...machine };
for (const { phases, report } of [served, syncing, resyncing]) {
  for (const { name, from, to, calls: count } of phases) {
    const gaps = report.gaps.filter(({ at }) => at >= from - 1 && at < to);
    const maxMs = Math.max(0, ...gaps.map(({ ms }) => ms));
    const long = gaps.filter(({ ms }) => ms > REPORTED_MS).toSorted((a, b) => b.ms - a.ms);
    console.log(
      JSON.stringify({
        ...{ phase: name, calls: count, seconds: round((to - from) / 1_000), maxMs: round(maxMs) },
        // What the thread itself did, whoever else wanted the core.
        computedMaxMs: round(Math.max(0, ...gaps.map(({ cpuMs }) => cpuMs))),
        ...{ over5: long.length, over10: long.filter(({ ms }) => ms > 10).length },
        over10Computing: long.filter(({ cpuMs }) => cpuMs > 10).length,
        longest: long.slice(0, 2).map(shown),
        mostComputing: gaps
          .toSorted((a, b) => b.cpuMs - a.cpuMs)
          .slice(0, 2)
          .map(shown),
      }),
    );
  }
  const { monitorMaxMs, monitorP99Ms, gcCount, gcMaxMs } = report;
  console.log(
    JSON.stringify({
      ...setup,
      ...{ monitorMaxMs: round(monitorMaxMs), monitorP99Ms: round(monitorP99Ms), gcCount },
      gcMaxMs: Object.fromEntries(Object.entries(gcMaxMs).map(([name, ms]) => [name, round(ms)])),
    }),
  );
}

const added = await collect();
for (let at = 0; at < added.length; at += 200) await store.remove(added.slice(at, at + 200));
await store.close();
endpoint.close();
endpoint.closeAllConnections();
await rm(folder, { recursive: true, force: true });

async function collect(): Promise<readonly string[]> {
  const ids: string[] = [];
  let after: { readonly collection: string; readonly uri: string } | undefined;
  do {
    const page = await store.documents({ collection, limit: 500, after });
    ids.push(...page.map(({ id }) => id));
    after = page.length === 500 ? page.at(-1) : undefined;
  } while (after !== undefined);
  return ids;
}
