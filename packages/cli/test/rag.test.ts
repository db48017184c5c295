// `fairlead rag` hands its arguments over as they are, and its exit code back.
import { writeFile } from "node:fs/promises";
import { tempDir } from "@fairlead/testbed";
import { expect, it } from "vitest";
import { run } from "../src/cli.ts";
import { captureIo } from "./capture-io.ts";

it("syncs, searches and explains wrong usage", async () => {
  await using dir = await tempDir();
  await writeFile(dir.file("otter.md"), "# Otters\n\nThey hold hands while they sleep.\n");
  const fairlead = async (...args: readonly string[]) => {
    const io = captureIo({ env: { FAIRLEAD_RAG_STORE: dir.file("rag.sqlite") } });
    return { code: await run(["rag", ...args], io), out: io.out(), err: io.err() };
  };
  expect(await fairlead("sync", dir.path, "--include", "*.md")).toMatchObject({
    code: 0,
    out: "1 files: 1 created\n",
  });
  const { code, out } = await fairlead("search", "sleeping otters", "--limit", "1", "--json");
  expect([code, JSON.parse(out)]).toMatchObject([0, { mode: "lexical", results: [{ heading: "Otters" }] }]);
  expect(await fairlead("serach")).toMatchObject({
    code: 2,
    err: expect.stringContaining('no command "serach"'),
  });
  expect(await fairlead("--help")).toMatchObject({
    code: 0,
    out: expect.stringContaining("fairlead rag <command>"),
  });
});
