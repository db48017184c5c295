import { describe, expect, it } from "vitest";
import type { PublicEntry, Scope } from "../catalog/catalog.ts";
import { printPage } from "./paged-list.ts";

const entries: readonly PublicEntry[] = Array.from({ length: 10 }, (_, at) => ({
  key: `t${at}`,
  bytes: Buffer.from(`{"name":"t${at}"}`),
}));
const scope = {
  list: () => entries,
  hintOf: () => ({ ttlMs: 0, cacheScope: "private" }),
} as unknown as Scope;
const cursorBehind = (index: number, key: string): string =>
  Buffer.from(JSON.stringify(["tools", index, key])).toString("base64url");

interface Page {
  readonly tools: readonly { readonly name: string }[];
  readonly nextCursor?: string;
}
const page = (cursor?: string): Page =>
  JSON.parse(String(printPage(scope, "tools", "legacy", cursor, 4))) as Page;

describe("printPage", () => {
  it("goes through the whole list, each entry once", () => {
    const names: string[] = [];
    let cursor: string | undefined;
    do {
      const { tools, nextCursor } = page(cursor);
      names.push(...tools.map(({ name }) => name));
      cursor = nextCursor;
    } while (cursor !== undefined);
    expect(names).toEqual(entries.map(({ key }) => key));
  });

  it("goes on behind the last entry seen, wherever it stands now, and at its place when it is gone", () => {
    expect(page(cursorBehind(4, "t6")).tools[0]?.name).toBe("t7");
    expect(page(cursorBehind(4, "gone")).tools[0]?.name).toBe("t4");
  });

  it("keeps printed pages, but not those that only a made-up cursor leads to", () => {
    const print = (cursor?: string): Buffer | undefined => printPage(scope, "tools", "legacy", cursor, 4);
    expect(print()).toBe(print());
    const madeUp = cursorBehind(0, "t2");
    expect(print(madeUp)).toEqual(print(madeUp));
    expect(print(madeUp)).not.toBe(print(madeUp));
  });

  it("says to modern clients how long the list may be kept", () => {
    const result = JSON.parse(String(printPage(scope, "tools", "modern", undefined, 50))) as object;
    expect(result).toMatchObject({ resultType: "complete", ttlMs: 0, cacheScope: "private" });
  });
});
