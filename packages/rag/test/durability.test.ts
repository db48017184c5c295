// What must hold when processes die, crowd, or run out of space. FAIRLEAD_RAG_SOAK_SECONDS makes the crowd last longer.
import { stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { startProcess, tempDir } from "@fairlead/testbed";
import { describe, expect, it } from "vitest";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import type { RagStore } from "../src/store/store.ts";
import { codeOf, documentOf, vectorOf } from "./store-documents.ts";

const KILLS = 20;
const SOAK_SECONDS = Number(process.env["FAIRLEAD_RAG_SOAK_SECONDS"] ?? 4);
const space = { model: "test", dimension: 32, documentPrefix: "", queryPrefix: "" };
const writer = (args: readonly string[]) =>
  startProcess({
    command: process.execPath,
    args: ["--conditions=@fairlead/source", fileURLToPath(new URL("writer.ts", import.meta.url)), ...args],
  });

/** Every document that was acknowledged is there, whole and findable; nothing contradicts itself. */
async function expectWhole(store: RagStore, acknowledged: readonly string[]): Promise<void> {
  expect(await store.check()).toEqual([]);
  const { documents, chunks, embedded } = await store.counts();
  expect([chunks, embedded]).toEqual([3 * documents, 3 * documents]);
  const uris = new Set<string>();
  let after: { collection: string; uri: string } | undefined;
  do {
    const page = await store.documents({ limit: 1_000, ...(after === undefined ? {} : { after }) });
    for (const { uri } of page) uris.add(uri);
    after = page.length === 1_000 ? page.at(-1) : undefined;
  } while (after !== undefined);
  expect(uris.size).toBe(documents);
  expect(acknowledged.filter((uri) => !uris.has(uri))).toEqual([]);
  for (const uri of acknowledged.slice(-5)) {
    const hits = await store.lexical({ text: `marker ${uri.replace(":", "x")}`, limit: 3 });
    const found = await store.chunks(hits.map(({ key }) => key));
    expect(found.map(({ document }) => document.uri)).toContain(uri);
  }
}

describe("durability", () => {
  it(`loses no acknowledged row in ${KILLS} kills (SIGKILL) during ingest`, {
    timeout: 300_000,
  }, async () => {
    await using dir = await tempDir();
    const path = dir.file("killed.sqlite");
    const acknowledged: string[] = [];
    for (let round = 0; round < KILLS; round++) {
      const started = await writer([path, `w${round}`, "0"]);
      // Somewhere in the middle: after a number of acknowledgements that differs from round to round.
      const least = 1 + ((round * 7) % 23);
      await expect
        .poll(() => (started.stdout().match(/^ack /gm) ?? []).length, { timeout: 30_000, interval: 2 })
        .toBeGreaterThan(least);
      started.kill("SIGKILL");
      await started.exited;
      acknowledged.push(...[...started.stdout().matchAll(/^ack (\S+)$/gm)].map(([, uri = ""]) => uri));
    }
    const store = await openSqliteStore({ path });
    await expectWhole(store, acknowledged);
    // And it can be written on.
    await store.put(
      [documentOf("after", ["a", "b", "marker after"], { vectors: [0, 1, 2].map((at) => vectorOf(32, at)) })],
      space,
    );
    await expectWhole(store, [...acknowledged, "after"]);
    await store.close();
  });

  it("serves 3 processes that write and search one file, cold start included", {
    timeout: 60_000 + 3_000 * SOAK_SECONDS,
  }, async () => {
    await using dir = await tempDir();
    const path = dir.file("crowd.sqlite");
    const crowd = await Promise.all(
      ["p1", "p2", "p3"].map((name) => writer([path, name, String(SOAK_SECONDS)])),
    );
    const ends = await Promise.all(crowd.map(({ exited }) => exited));
    expect(crowd.map((one) => one.stderr()).join("")).toBe("");
    expect(ends).toEqual([0, 0, 0].map((code) => ({ code, signal: null })));
    const acknowledged = crowd.flatMap((one) =>
      [...one.stdout().matchAll(/^ack (\S+)$/gm)].map(([, uri = ""]) => uri),
    );
    const store = await openSqliteStore({ path });
    await expectWhole(store, acknowledged);
    // All three also wrote the same ten documents over and over: no duplicates.
    const shared = (await store.documents({ uriPrefix: "shared:", limit: 100 })).length;
    expect(shared).toBe(10);
    expect((await store.counts()).documents).toBe(new Set(acknowledged).size);
    console.log(
      `${acknowledged.length} acknowledged writes in ${SOAK_SECONDS} s, ${crowd.map((one) => one.stdout().match(/searches (\d+)/)?.[1]).join("+")} searches`,
    );
    await store.close();
  });

  it("says that the disk is full, and has everything from before and nothing in half", async () => {
    await using dir = await tempDir();
    const path = dir.file("full.sqlite");
    const store = await openSqliteStore({ path, maxBytes: 1_500_000 });
    const acknowledged: string[] = [];
    let code = "";
    for (let at = 0; at < 2_000 && code === ""; at++) {
      const uri = `full:${at}`;
      const texts = [0, 1, 2].map((part) => `marker fullx${at} part ${part} ${"filler words ".repeat(40)}`);
      const document = documentOf(uri, texts, { vectors: texts.map((_, axis) => vectorOf(32, axis)) });
      await store.put([document], space).then(
        () => acknowledged.push(uri),
        async (error: unknown) => {
          code = await codeOf(Promise.reject(error as Error));
        },
      );
    }
    expect(code).toBe("STORE_FULL");
    expect(acknowledged.length).toBeGreaterThan(10);
    await expectWhole(store, acknowledged);
    await store.close();
    const again = await openSqliteStore({ path });
    await again.put(
      [documentOf("more", ["a", "b", "marker more"], { vectors: [0, 1, 2].map((at) => vectorOf(32, at)) })],
      space,
    );
    await expectWhole(again, [...acknowledged, "more"]);
    await again.close();
  });

  it.runIf(process.platform === "linux")("survives writes that the system refuses", async () => {
    await using dir = await tempDir();
    const path = dir.file("limited.sqlite");
    // The shell's limit of a file's size, in KiB: write(2) fails beyond it.
    const script = fileURLToPath(new URL("writer.ts", import.meta.url));
    const limited = await startProcess({
      command: "bash",
      args: [
        "-c",
        `ulimit -f 2048; exec "$0" --conditions=@fairlead/source "$1" "$2" limited 0`,
        process.execPath,
        script,
        path,
      ],
    });
    const { code } = await limited.exited;
    expect([code, limited.stderr()]).toEqual([1, expect.stringMatching(/STORE_FULL/)]);
    const acknowledged = [...limited.stdout().matchAll(/^ack (\S+)$/gm)].map(([, uri = ""]) => uri);
    expect(acknowledged.length).toBeGreaterThan(5);
    const store = await openSqliteStore({ path });
    await expectWhole(store, acknowledged);
    expect((await stat(path)).size).toBeLessThanOrEqual(2_048 * 1_024);
    await store.close();
  });

  it("says what is wrong with a path that cannot be opened, and with a file that is none of its own", async () => {
    await using dir = await tempDir();
    expect(await codeOf(openSqliteStore({ path: dir.path }))).toBe("STORE_OPEN_FAILED");
    const { writeFile } = await import("node:fs/promises");
    await writeFile(
      dir.file("text.sqlite"),
      "this is not a database, but long enough to be looked at as if it were one. ".repeat(20),
    );
    expect(await codeOf(openSqliteStore({ path: dir.file("text.sqlite") }))).toBe("STORE_OPEN_FAILED");
    const { DatabaseSync } = await import("node:sqlite");
    const newer = new DatabaseSync(dir.file("newer.sqlite"));
    newer.exec("PRAGMA user_version = 99");
    newer.close();
    expect(await codeOf(openSqliteStore({ path: dir.file("newer.sqlite") }))).toBe("STORE_TOO_NEW");
  });

  it("lets no search and no ingest block the event loop", async () => {
    await using dir = await tempDir();
    const store = await openSqliteStore({ path: dir.file("loop.sqlite"), exactBelow: 1_000_000 });
    const many = Array.from({ length: 200 }, (_, at) =>
      documentOf(
        `d:${at}`,
        Array.from({ length: 20 }, (_, part) => `word${part} text of ${at}`),
        {
          vectors: Array.from({ length: 20 }, (_, part) => vectorOf(512, (at + part) % 512)),
        },
      ),
    );
    const wide = { ...space, dimension: 512 };
    await store.put(many.slice(0, 100), wide);
    // While a thread works for long, the loop turns: the shares of time are compared, since machines differ.
    const { performance: clock } = await import("node:perf_hooks");
    const before = clock.eventLoopUtilization();
    const started = performance.now();
    const work = Promise.all([
      ...Array.from({ length: 100 }, () => store.nearest({ vector: vectorOf(512, 3), limit: 10 })),
      ...Array.from({ length: 100 }, () => store.lexical({ text: "word3 text", limit: 10 })),
      store.put(many.slice(100), wide),
    ]);
    await work;
    const busy = clock.eventLoopUtilization(before).active;
    const took = performance.now() - started;
    console.log(`worked ${took.toFixed(0)} ms, the event loop was busy for ${busy.toFixed(0)} ms of them`);
    expect(busy).toBeLessThan(took / 2);
    await store.close();
  });
});
