// What every store must do; run on SQLite, on PGlite and on a native Postgres.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { EmbeddingSpace, RagStore, StoredDocument } from "../src/store/store.ts";
import { codeOf, documentOf, hashOf, vectorOf } from "./store-documents.ts";

const space: EmbeddingSpace = {
  model: "test-embed",
  dimension: 16,
  documentPrefix: "doc: ",
  queryPrefix: "query: ",
};
/** `open` gives a new, empty store each time; `reopen` opens the last one again. */
export function describeStoreContract(
  name: string,
  { open, reopen }: { open(): Promise<RagStore>; reopen(): Promise<RagStore> },
): void {
  describe(`store contract: ${name}`, () => {
    let store: RagStore;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(async () => {
      await store.close();
    });
    const found = async (text: string, filter = {}): Promise<readonly string[]> => {
      const hits = await store.lexical({ text, limit: 10, filter });
      const records = new Map(
        (await store.chunks(hits.map(({ key }) => key))).map((chunk) => [chunk.key, chunk]),
      );
      return hits.map(({ key }) => records.get(key)?.text ?? "gone");
    };

    it("finds what was put, with everything that belongs to it", async () => {
      const metadata = { author: "Ada", year: 1843, draft: false };
      const document = documentOf(
        "file:///engine.md",
        ["The analytical engine weaves.", "Looms weave flowers."],
        {
          title: "Notes",
          metadata,
          mimeType: "text/markdown",
          fingerprint: "12:34",
        },
      );
      const [result] = await store.put([document]);
      expect(result).toMatchObject({ outcome: "created", chunks: 2 });
      const [hit] = await store.lexical({ text: "analytical engines", limit: 5 });
      const [chunk] = await store.chunks([hit?.key ?? -1]);
      expect(chunk).toMatchObject({
        ordinal: 0,
        heading: "Notes",
        text: "The analytical engine weaves.",
        start: 0,
        end: 29,
      });
      expect(chunk?.document).toMatchObject({
        ...{ id: result?.id, uri: "file:///engine.md", title: "Notes", mimeType: "text/markdown", chunks: 2 },
        ...{ metadata, fingerprint: "12:34", collection: "default" },
      });
      expect(await store.document(result?.id ?? "")).toEqual(chunk?.document);
      expect((await store.chunksOf(result?.id ?? "", 1, 10)).map(({ text }) => text)).toEqual([
        "Looms weave flowers.",
      ]);
    });

    it("writes the same document once, and replaces a changed one as a whole", async () => {
      const [first] = await store.put([documentOf("a", ["alpha", "beta"])]);
      const [again] = await store.put([documentOf("a", ["alpha", "beta"])]);
      expect(again).toEqual({ ...first, outcome: "unchanged" });
      const [changed] = await store.put([documentOf("a", ["gamma"])]);
      expect(changed).toEqual({ id: first?.id, outcome: "updated", chunks: 1 });
      expect(await store.counts()).toMatchObject({ documents: 1, chunks: 1 });
      expect(await found("alpha")).toEqual([]);
      expect(await found("gamma")).toEqual(["gamma"]);
      expect(await store.check()).toEqual([]);
    });

    it("matches any of the terms, stems, drops stop words, and takes no term for syntax", async () => {
      await store.put([
        documentOf("a", ["cats running in circles", "a treatise on dogs", 'the NEAR "operator" OR-ed*']),
      ]);
      expect(await found("a cat that runs to an unknown place")).toEqual(["cats running in circles"]);
      expect(await found('dog AND (NOT "cat" OR NEAR/3')).toHaveLength(3);
      expect((await found("of and")).length).toBeLessThan(3);
      expect(await found("?!")).toEqual([]);
      expect(await found("")).toEqual([]);
    });

    it("ranks what has more of the rarer terms first", async () => {
      const filler = Array.from({ length: 20 }, (_, at) => `common words of page ${at}`);
      await store.put([documentOf("a", [...filler, "common zebra", "common words zebra zebra and quagga"])]);
      expect((await found("common zebra quagga")).slice(0, 2)).toEqual([
        "common words zebra zebra and quagga",
        "common zebra",
      ]);
    });

    it("returns as many hits as there are, whatever the filter keeps", async () => {
      const documents = Array.from(
        { length: 300 },
        (_, at): StoredDocument =>
          documentOf(`file:///${at % 10}/${at}`, [`needle number ${at}`], {
            collection: at % 10 === 3 ? "rare" : "default",
            metadata: { parity: at % 2 === 0 ? "even" : "odd", tenth: at % 10, third: at % 3 === 0 },
            vectors: [vectorOf(16, at % 16, at / 1000)],
          }),
      );
      await store.put(documents, space);
      const ids = (await store.documents({ limit: 1_000 }))
        .filter(({ uri }) => uri.endsWith("7"))
        .map(({ id }) => id);
      const filters: readonly [object, number][] = [
        [{ collection: "rare" }, 30],
        [{ uriPrefix: "file:///7/" }, 30],
        [{ metadata: { tenth: 4 } }, 30],
        [{ metadata: { parity: "odd", third: true } }, 50],
        [{ documentIds: ids }, 30],
        [{ documentIds: [] }, 0],
        [{ metadata: { tenth: "4" } }, 0],
        [{ collection: "rare", metadata: { third: true } }, 10],
      ];
      for (const [filter, there] of filters) {
        expect(await store.lexical({ text: "needle", limit: 25, filter })).toHaveLength(Math.min(25, there));
        const near = await store.nearest({ vector: vectorOf(16, 1), limit: 25, filter });
        expect(near).toHaveLength(Math.min(25, there));
      }
    });

    it("orders by cosine similarity", async () => {
      const vectors = [vectorOf(16, 0), vectorOf(16, 0, 0.2), vectorOf(16, 5)];
      await store.put([documentOf("a", ["same", "near", "far"], { vectors })], space);
      const hits = await store.nearest({ vector: vectorOf(16, 0), limit: 3 });
      const texts = new Map(
        (await store.chunks(hits.map(({ key }) => key))).map(({ key, text }) => [key, text]),
      );
      expect(hits.map(({ key }) => texts.get(key))).toEqual(["same", "near", "far"]);
      expect(hits.map(({ score }) => score)).toEqual([
        expect.closeTo(1, 5),
        expect.closeTo(0.79, 2),
        expect.closeTo(0, 5),
      ]);
      const first = await store.vectors(hits.map(({ key }) => key));
      expect([...(first.get(hits[1]?.key ?? -1) ?? [])]).toEqual(
        [...(vectors[1] ?? [])].map((value) => expect.closeTo(value, 5)),
      );
    });

    it("refuses vectors of another model, another dimension or another prefix", async () => {
      await store.put([documentOf("a", ["one"], { vectors: [vectorOf(16, 0)] })], space);
      expect(await store.space()).toEqual(space);
      const others: readonly EmbeddingSpace[] = [
        { ...space, model: "other" },
        { ...space, dimension: 8 },
        { ...space, documentPrefix: "" },
        { ...space, queryPrefix: "" },
      ];
      for (const other of others) {
        const vectors = [vectorOf(other.dimension, 1)];
        expect(await codeOf(store.put([documentOf("b", ["two"], { vectors })], other))).toBe(
          "EMBEDDING_MISMATCH",
        );
        expect(await codeOf(store.claimSpace(other))).toBe("EMBEDDING_MISMATCH");
      }
      expect(await codeOf(store.put([documentOf("b", ["two"], { vectors: [vectorOf(8, 1)] })], space))).toBe(
        "EMBEDDING_MISMATCH",
      );
      expect(await store.counts()).toMatchObject({ documents: 1, embedded: 1 });
      expect(await store.nearest({ vector: vectorOf(8, 1), limit: 3 })).toEqual([]);
    });

    it("scores by BM25, however often a term occurs", async () => {
      const times = [1, 2, 3, 10, 40, 99];
      const texts = [
        ...times.map((n) => Array(n).fill("otter").join(" ")),
        ...Array(14).fill("river stones"),
      ];
      await store.put([documentOf("a", texts)]);
      // With a filter also where an index of another formula answers what has none.
      const hits = await store.lexical({ text: "otter", limit: 20, filter: { collection: "default" } });
      const idf = Math.log((texts.length - times.length + 0.5) / (times.length + 0.5));
      const average = (times.reduce((sum, n) => sum + n) + 2 * 14) / texts.length;
      const expected = times
        .map((n) => (idf * n * 2.2) / (n + 1.2 * (0.25 + (0.75 * n) / average)))
        .toSorted((a, b) => b - a);
      expect(hits).toHaveLength(times.length);
      for (const [at, { score }] of hits.entries()) expect(score).toBeCloseTo(expected[at] ?? 0, 6);
    });

    it("builds another space beside the active one, resumes, and switches when it is complete", async () => {
      const texts = ["one", "two", "three"];
      await store.put([documentOf("a", texts, { vectors: texts.map((_, at) => vectorOf(16, at)) })], space);
      const next = { ...space, model: "next", dimension: 8 };
      expect(await store.pending(next, 10)).toHaveLength(3);
      const [first, ...rest] = await store.pending(next, 10);
      if (first === undefined) throw new Error("nothing pending");
      await store.addVectors(next, [{ ...first, vector: vectorOf(8, 0) }]);
      expect(await store.activateSpace(next)).toBe(false);
      expect((await store.pending(next, 10)).map(({ key }) => key)).toEqual(rest.map(({ key }) => key));
      expect(await store.nearest({ vector: vectorOf(16, 2), limit: 1 })).toHaveLength(1);
      await store.addVectors(
        next,
        rest.map((chunk, at) => ({ ...chunk, vector: vectorOf(8, at + 1) })),
      );
      // A chunk that was replaced meanwhile is not given the vector of its predecessor.
      await store.addVectors(next, [{ key: first.key, hash: "another", vector: vectorOf(8, 7) }]);
      expect(await store.activateSpace(next)).toBe(true);
      expect(await store.space()).toEqual(next);
      expect(await store.nearest({ vector: vectorOf(8, 2), limit: 9 })).toHaveLength(3);
      expect(await store.nearest({ vector: vectorOf(16, 2), limit: 9 })).toEqual([]);
      expect(await store.check()).toEqual([]);
    });

    it.each([16, 8])("searches what another process switched to, of dimension %i", async (dimension) => {
      await store.put([documentOf("a", ["one"], { vectors: [vectorOf(16, 0)] })], space);
      expect(await store.nearest({ vector: vectorOf(16, 0), limit: 1 })).toMatchObject([{ score: 1 }]);
      const other = await reopen();
      const next = { ...space, model: "next", dimension };
      const [chunk] = await other.pending(next, 1);
      if (chunk === undefined) throw new Error("nothing pending");
      await other.addVectors(next, [{ ...chunk, vector: vectorOf(dimension, 5) }]);
      expect(await other.activateSpace(next)).toBe(true);
      await other.close();
      const asked = { vector: vectorOf(16, 0), space, limit: 1 };
      expect(await codeOf(store.nearest(asked))).toBe("EMBEDDING_MISMATCH");
      expect(await store.vectors([chunk.key])).toEqual(new Map([[chunk.key, vectorOf(dimension, 5)]]));
      expect(await store.nearest({ vector: vectorOf(dimension, 5), limit: 1 })).toMatchObject([{ score: 1 }]);
    });

    it("finds the same after its indexes were put in order", async () => {
      const texts = Array.from({ length: 15 }, (_, at) => `common word${at}`);
      await store.put([documentOf("a", texts, { vectors: texts.map((_, at) => vectorOf(16, at)) })], space);
      await store.put([documentOf("b", ["common and gone"])]);
      await store.remove([(await store.documents({ uriPrefix: "b", limit: 1 }))[0]?.id ?? ""]);
      expect((await store.optimize()).length).toBeGreaterThan(0);
      expect(await found("word7 word8")).toHaveLength(2);
      expect(await found("gone")).toEqual([]);
      expect(await store.nearest({ vector: vectorOf(16, 3), limit: 1 })).toMatchObject([{ score: 1 }]);
      expect(await store.check()).toEqual([]);
    });

    it("knows the vectors of texts that it has", async () => {
      await store.put([documentOf("a", ["one", "two"], { vectors: [vectorOf(16, 0), undefined] })], space);
      const known = await store.vectorsByHash([hashOf("\none"), hashOf("\ntwo"), "unknown"]);
      expect([...known.keys()]).toEqual([hashOf("\none")]);
      expect(await store.counts()).toMatchObject({ chunks: 2, embedded: 1 });
      expect(await store.pending(space, 5)).toMatchObject([{ text: "two", hash: hashOf("\ntwo") }]);
    });

    it("keeps id and chunks through a rename, and frees the old place", async () => {
      const [before] = await store.put([documentOf("old", ["kept words"])]);
      expect(await store.rename(before?.id ?? "", "new", "1:1")).toBe(true);
      expect(await store.rename("unknown", "new", "")).toBe(false);
      expect(await store.document(before?.id ?? "")).toMatchObject({ uri: "new", fingerprint: "1:1" });
      const [other] = await store.put([documentOf("old", ["other words"])]);
      expect(other?.outcome).toBe("created");
      expect(other?.id).not.toBe(before?.id);
      expect((await found("words")).toSorted()).toEqual(["kept words", "other words"]);
    });

    it("takes ids of the caller, and lets one document take over another's place", async () => {
      await store.put([
        documentOf("a", ["first"], { id: "one" }),
        documentOf("b", ["second"], { id: "two" }),
      ]);
      expect(await store.put([documentOf("b", ["third"], { id: "one" })])).toMatchObject([
        { id: "one", outcome: "updated" },
      ]);
      expect((await store.documents({ limit: 9 })).map(({ id, uri }) => `${id} at ${uri}`)).toEqual([
        "one at b",
      ]);
      expect(await found("first second third")).toEqual(["third"]);
    });

    it("removes documents with everything that belongs to them", async () => {
      const graph = {
        entities: [{ name: "Ada", kind: "person", observations: ["wrote notes"] }],
        relations: [
          { from: { name: "Ada", kind: "person" }, to: { name: "Engine", kind: "thing" }, type: "describes" },
        ],
        mentions: [{ chunk: 0, entity: { name: "Ada", kind: "person" } }],
      };
      const [a] = await store.put(
        [documentOf("a", ["about Ada"], { graph, vectors: [vectorOf(16, 0)] })],
        space,
      );
      const [b] = await store.put(
        [documentOf("b", ["Ada again"], { graph, vectors: [vectorOf(16, 1)] })],
        space,
      );
      expect(await store.counts()).toMatchObject({ documents: 2, embedded: 2, entities: 2 });
      expect(await store.remove([a?.id ?? "", "unknown"])).toBe(1);
      expect(await store.counts()).toEqual({
        documents: 1,
        chunks: 1,
        embedded: 1,
        entities: 2,
        relations: 1,
      });
      expect(await store.remove([b?.id ?? ""])).toBe(1);
      expect(await store.counts()).toEqual({
        documents: 0,
        chunks: 0,
        embedded: 0,
        entities: 0,
        relations: 0,
      });
      expect(await found("Ada")).toEqual([]);
      expect(await store.check()).toEqual([]);
    });

    it("pages through documents in the order of collection and uri", async () => {
      await store.put(["c", "a", "d", "b"].map((uri) => documentOf(uri, [uri])));
      await store.put([documentOf("a", ["x"], { collection: "another" })]);
      const uris: string[] = [];
      for (let after: { collection: string; uri: string } | undefined; ; ) {
        const page = await store.documents({ limit: 2, ...(after === undefined ? {} : { after }) });
        uris.push(...page.map(({ collection, uri }) => `${collection}/${uri}`));
        after = page.at(-1);
        if (page.length < 2) break;
      }
      expect(uris).toEqual(["another/a", "default/a", "default/b", "default/c", "default/d"]);
      expect(await store.documents({ collection: "another", limit: 9 })).toHaveLength(1);
      expect(await store.documents({ uriPrefix: "b", limit: 9 })).toHaveLength(1);
    });

    it("unites entities, adds relations once, and finds both", async () => {
      const ada = { name: "Ada Lovelace", kind: "person" };
      const engine = { name: "Analytical Engine", kind: "machine" };
      const relation = { from: ada, to: engine, type: "wrote_about" };
      await store.upsertGraph([{ ...ada, observations: ["mathematician"] }], [relation]);
      await store.upsertGraph([{ ...ada, observations: ["mathematician", "born 1815"] }], [relation]);
      const [found] = await store.entitiesByName(["ADA lovelace"]);
      expect(found).toMatchObject({ ...ada, observations: ["mathematician", "born 1815"] });
      expect((await store.searchEntities("engines", 5)).map(({ name }) => name)).toEqual([
        "Analytical Engine",
      ]);
      expect(
        (await store.searchEntities("who was born a mathematician?", 5)).map(({ name }) => name),
      ).toEqual(["Ada Lovelace"]);
      const key = found?.key ?? -1;
      const query = { entities: [key], limit: 9 };
      const [edge] = await store.relations({ ...query, direction: "both" });
      expect(edge).toMatchObject({ from: key, type: "wrote_about" });
      expect(await store.relations({ ...query, direction: "in" })).toEqual([]);
      expect(await store.relations({ ...query, direction: "out", types: ["other"] })).toEqual([]);
      expect(await store.relations({ ...query, direction: "out", types: ["wrote_about"] })).toHaveLength(1);
      expect(await store.entities([edge?.to ?? -1])).toMatchObject([engine]);
      const own = await store.ownGraph();
      expect(own.relations).toEqual([relation]);
      expect(own.entities.toSorted((a, b) => a.name.localeCompare(b.name))).toEqual([
        { ...ada, observations: ["mathematician", "born 1815"] },
        { ...engine, observations: [] },
      ]);
    });

    it("keeps what was entered by hand when the document that said it too is gone", async () => {
      const entity = { name: "Loom", kind: "machine", observations: [] };
      const graph = { entities: [entity], relations: [], mentions: [{ chunk: 0, entity }] };
      const [put] = await store.put([documentOf("a", ["a loom"], { graph })]);
      const [loom] = await store.entitiesByName(["loom"]);
      expect(await store.mentions([loom?.key ?? -1], 5)).toHaveLength(1);
      expect(await store.mentions([loom?.key ?? -1], 5, { collection: "another" })).toEqual([]);
      expect(await store.graphOf(put?.id ?? "")).toEqual({
        ...{ entities: [entity], relations: [] },
        mentions: [{ chunk: 0, entity: { name: "Loom", kind: "machine" } }],
      });
      await store.upsertGraph([entity], []);
      await store.remove([put?.id ?? ""]);
      expect(await store.counts()).toMatchObject({ entities: 1 });
    });

    it("writes all of a call or nothing", async () => {
      const good = documentOf("good", ["good"], { vectors: [vectorOf(16, 0)] });
      const bad = documentOf("bad", ["bad"], { vectors: [vectorOf(4, 0)] });
      expect(await codeOf(store.put([good, bad], space))).toBe("EMBEDDING_MISMATCH");
      expect(await store.counts()).toMatchObject({ documents: 0, chunks: 0 });
      expect(await store.space()).toBeUndefined();
    });

    it("has everything after it was closed and opened again, and says that it is closed", async () => {
      await store.put([documentOf("a", ["lasting words"], { vectors: [vectorOf(16, 3)] })], space);
      await store.close();
      expect(await codeOf(store.counts())).toBe("STORE_CLOSED");
      store = await reopen();
      expect(await found("lasting")).toEqual(["lasting words"]);
      expect(await store.space()).toEqual(space);
      expect(await store.nearest({ vector: vectorOf(16, 3), limit: 1 })).toMatchObject([
        { score: expect.closeTo(1, 5) },
      ]);
      expect((await store.describe()).location).not.toContain("password");
    });
  });
}
