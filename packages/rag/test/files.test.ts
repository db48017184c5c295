// Files of all formats into the library, and a folder that is kept in step.
import { mkdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { type TempDir, tempDir } from "@fairlead/testbed";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RagError } from "../src/errors.ts";
import { createLibrary, type Library } from "../src/library/library.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { readDocumentFile } from "../src/sync/read-file.ts";
import { syncFolder } from "../src/sync/sync.ts";
import { watchFolder } from "../src/sync/watch.ts";
import { docxOf, pdfOf } from "./documents.ts";

let dir: TempDir;
let library: Library;
beforeEach(async () => {
  dir = await tempDir();
  await mkdir(dir.file("docs/deep"), { recursive: true });
  library = createLibrary({ store: await openSqliteStore({ path: dir.file("rag.sqlite"), readers: 1 }) });
});
afterEach(async () => {
  await library.close();
  await dir[Symbol.asyncDispose]();
});
const uris = async (): Promise<readonly string[]> =>
  (await library.store.documents({ limit: 100 })).map(({ uri }) => uri.slice(uri.lastIndexOf("/docs/") + 6));
const best = async (query: string) => (await library.search({ query, limit: 1 })).hits[0]?.chunk;

describe("formats", () => {
  const read = async (name: string, content: string | Uint8Array) => {
    const path = dir.file(name);
    await writeFile(path, content);
    const { document } = await readDocumentFile(library, path);
    await library.ingest([document]);
    return document;
  };
  const codeOf = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => "read",
      (error: unknown) => (error instanceof RagError ? error.code : String(error)),
    );

  it("HTML: headings, tables and code keep their form, surroundings are left out", async () => {
    const { text, title } = await read(
      "page.html",
      `<html><head><title>A &amp; B</title><script>evil()</script></head><body><nav>Menu</nav><main><h1>Top</h1><p>Some <b>bold</b> text.</p>
       <h2>Table</h2><table><thead><tr><th>k</th><th>v</th></tr></thead><tbody><tr><td>one</td><td>1 | 2</td></tr></tbody></table>
       <pre><code>let x = 1;</code></pre></main><footer>Foot</footer></body></html>`,
    );
    expect(title).toBe("A & B");
    expect(text).toContain("# Top");
    expect(text).toContain("| k | v |\n| --- | --- |\n| one | 1 \\| 2 |");
    expect(text).toContain("```\nlet x = 1;\n```");
    expect(text).not.toMatch(/evil|Menu|Foot/);
    expect(await best("bold text")).toMatchObject({ heading: "A & B > Top" });
  });

  it("PDF: pages become headings", async () => {
    const document = await read("paper.pdf", pdfOf(["The otter swims.", "The walrus rests."]));
    expect(document).toMatchObject({ metadata: { originalType: "application/pdf" } });
    expect(await best("walrus")).toMatchObject({
      text: expect.stringMatching(/## Page 2\s+The walrus rests\./),
    });
  });

  it("DOCX: headings and paragraphs", async () => {
    await read(
      "report.docx",
      docxOf([
        ["Heading1", "Annual report"],
        ["Normal", "The lynx returned."],
      ]),
    );
    expect(await best("lynx")).toMatchObject({
      document: { title: "Annual report" },
      text: expect.stringContaining("The lynx returned."),
    });
  });

  it("code and text of other encodings", async () => {
    await read("tool.py", "import os\n\ndef weasel():\n    return os.name\n");
    expect(await best("weasel")).toMatchObject({ document: { mimeType: "text/x-python" } });
    await read("utf16.txt", Buffer.from("\ufeffmongoose", "utf16le"));
    expect(await best("mongoose")).toMatchObject({ text: expect.stringContaining("mongoose") });
  });

  it("says what is wrong with files that are not what they say", async () => {
    expect(await codeOf(read("broken.pdf", "no pdf at all"))).toBe("FORMAT_BROKEN");
    expect(await codeOf(read("broken.docx", "no zip at all"))).toBe("FORMAT_BROKEN");
    expect(await codeOf(read("binary.txt", new Uint8Array([1, 0, 2, 0])))).toBe("FORMAT_BROKEN");
    expect(await codeOf(read("image.png", "x"))).toBe("FORMAT_UNSUPPORTED");
    await writeFile(dir.file("large.txt"), "x".repeat(2_000));
    expect(await codeOf(readDocumentFile(library, dir.file("large.txt"), { maxBytes: 1_000 }))).toBe(
      "FILE_UNREADABLE",
    );
    expect(await codeOf(readDocumentFile(library, dir.file("missing.txt")))).toBe("FILE_UNREADABLE");
  });
});

describe("a folder in step", () => {
  const put = (name: string, text: string): Promise<void> => writeFile(dir.file(`docs/${name}`), text);
  const sync = () => syncFolder(library, { root: dir.file("docs") });

  it("takes in what is new or changed, keeps what was renamed, and removes what is gone", async () => {
    await put("a.md", "# Alpha\n\nbadger");
    await put("deep/b.md", "# Beta\n\nheron");
    await put("skipped.png", "x");
    await mkdir(dir.file("docs/node_modules"));
    await put("node_modules/c.md", "dependency");
    await put(".hidden.md", "hidden");
    expect(await sync()).toMatchObject({ files: 2, created: 2, updated: 0, failed: [] });
    expect(await sync()).toMatchObject({ files: 2, unchanged: 2, created: 0 });
    const before = await best("heron");

    await put("a.md", "# Alpha\n\nwolverine");
    await rename(dir.file("docs/deep/b.md"), dir.file("docs/moved.md"));
    await put("new.md", "# New\n\nibex");
    expect(await sync()).toMatchObject({ files: 3, created: 1, updated: 1, renamed: 1, removed: 0 });
    expect(await uris()).toEqual(["a.md", "moved.md", "new.md"]);
    expect((await best("heron"))?.document.id).toBe(before?.document.id);
    expect(await best("badger")).toBeUndefined();

    await rm(dir.file("docs/new.md"));
    expect(await sync()).toMatchObject({ files: 2, removed: 1, unchanged: 2 });
    expect(await library.store.check()).toEqual([]);
  });

  it("does not open files whose size and time are as they were, and notices a touched file that says the same", async () => {
    await put("a.md", "same");
    await sync();
    await utimes(dir.file("docs/a.md"), new Date(), new Date(Date.now() + 5_000));
    expect(await sync()).toMatchObject({ unchanged: 1, updated: 0 });
    // The new time was noted: next time the file is not read.
    expect(await sync()).toMatchObject({ unchanged: 1 });
  });

  it("removes nothing when the folder cannot be read, and keeps what it has of a file that broke", async () => {
    await put("a.txt", "otter");
    await sync();
    await expect(syncFolder(library, { root: dir.file("nowhere") })).rejects.toMatchObject({
      code: "FILE_UNREADABLE",
    });
    await writeFile(dir.file("docs/a.txt"), new Uint8Array([0, 1, 2, 0]));
    expect(await sync()).toMatchObject({ failed: [{ code: "FORMAT_BROKEN" }], removed: 0 });
    expect(await best("otter")).toMatchObject({ text: "otter" });
  });

  it("obeys globs", async () => {
    await put("a.md", "one");
    await put("deep/b.md", "two");
    await put("deep/c.txt", "three");
    expect(
      await syncFolder(library, { root: dir.file("docs"), include: ["**/*.md"], exclude: ["a.*"] }),
    ).toMatchObject({ created: 1 });
    expect(await uris()).toEqual(["deep/b.md"]);
  });

  it("notices changes while it watches", async () => {
    await put("a.md", "first");
    const watching = watchFolder(library, { root: dir.file("docs"), settleMs: 50, pollMs: 2_000 });
    expect(await watching.first).toMatchObject({ created: 1 });
    await put("deep/later.md", "marten");
    await expect.poll(() => best("marten"), { timeout: 20_000 }).toBeDefined();
    await rm(dir.file("docs/a.md"));
    await expect.poll(uris, { timeout: 20_000 }).toEqual(["deep/later.md"]);
    await watching.close();
    expect(await readFile(dir.file("docs/deep/later.md"), "utf8")).toBe("marten");
  });

  it("makes a graph of links, sections and imports, which follows the files", async () => {
    await put(
      "a.md",
      "# Alpha\n\nSee [b](deep/b.md#part) and [site](https://example.com/x).\n\n## Part one\n\ntext",
    );
    await put("deep/b.md", "# Beta\n\nBack to [a](../a.md).");
    await put("code.ts", 'import { x } from "./other.ts";\nimport fs from "node:fs";\n');
    await sync();
    const at = (name: string): string => `file://${dir.file(`docs/${name}`)}`;
    const graph = await library.graph({ entities: [at("a.md")], depth: 1 });
    const edges = graph.edges.map(({ from, to, type }) => `${from} ${type} ${to}`);
    expect(edges).toEqual(
      expect.arrayContaining([
        `${at("a.md")} links_to ${at("deep/b.md")}`,
        `${at("deep/b.md")} links_to ${at("a.md")}`,
        `${at("a.md")} links_to https://example.com/x`,
        `${at("a.md")} has_section Part one`,
      ]),
    );
    expect(graph.chunks.map(({ chunk }) => chunk.document.title)).toContain("Beta");
    const imports = await library.graph({
      entities: [at("code.ts")],
      relationTypes: ["imports"],
      direction: "out",
      depth: 1,
    });
    expect(imports.nodes.map(({ name, kind }) => `${kind} ${name}`)).toEqual(
      expect.arrayContaining([`document ${at("other.ts")}`, "module node:fs"]),
    );
    await rm(dir.file("docs/code.ts"));
    await sync();
    expect(
      (await library.graph({ entities: ["node:fs"], depth: 0 })).nodes.filter(
        ({ name }) => name === "node:fs",
      ),
    ).toEqual([]);
  });
});
