import { describe, expect, it } from "vitest";
import type { Entry, Lists } from "./lists.ts";
import { NO_LISTS } from "./lists.ts";
import { createPoolCatalog } from "./pool-catalog.ts";

const tool = (key: string, more = ""): Entry => ({
  key,
  bytes: Buffer.from(`{"name":"${key}"${more}}`),
  nameSpan: { start: 8, end: 10 + key.length },
  repeatable: false,
  readOnly: false,
  headerParams: undefined,
});
const listing = (...entries: Entry[]): Lists => ({ ...NO_LISTS, tools: { entries, hint: undefined } });

describe("a pool's catalog", () => {
  it("is the union of what its replicas list, and knows who lists what only some do", () => {
    const catalog = createPoolCatalog();
    expect(catalog.update("a", listing(tool("x"), tool("y")))).toEqual(["tools"]);
    expect(catalog.update("b", listing(tool("x")))).toEqual([]);
    expect([...catalog.lists.tools.keys()]).toEqual(["x", "y"]);
    expect(catalog.lists.tools.get("x")?.only).toBeUndefined();
    expect([...(catalog.lists.tools.get("y")?.only ?? [])]).toEqual(["a"]);
  });

  it("keeps the entries that others hold up to date about who serves them, without telling clients of a change", () => {
    const catalog = createPoolCatalog();
    catalog.update("a", listing(tool("x"), tool("y")));
    catalog.update("b", listing(tool("x")));
    const held = catalog.lists.tools.get("y");
    expect(catalog.update("c", listing(tool("x"), tool("y")))).toEqual([]);
    expect([...(held?.only ?? [])]).toEqual(["a", "c"]);
    expect(catalog.remove("b")).toEqual([]);
    expect(held?.only).toBeUndefined();
  });

  it("forgets what nobody lists any more when a replica goes", () => {
    const catalog = createPoolCatalog();
    catalog.update("a", listing(tool("x")));
    catalog.update("b", listing(tool("x"), tool("y")));
    expect(catalog.remove("b")).toEqual(["tools"]);
    expect([...catalog.lists.tools.keys()]).toEqual(["x"]);
    expect(catalog.remove("b")).toEqual([]);
    expect(catalog.update("a", listing(tool("x", ',"title":"X"')))).toEqual(["tools"]);
  });
});
