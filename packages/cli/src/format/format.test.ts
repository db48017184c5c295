import { describe, expect, it } from "vitest";
import { nearestNames } from "../nearest-names.ts";
import { resolveTarget } from "../target.ts";
import { formatDuration } from "./status.ts";
import { printable, widthOf } from "./style.ts";
import { formatTable } from "./table.ts";
import { formatToolResult } from "./tool-result.ts";
import { formatTools } from "./tools.ts";

describe("formatTable", () => {
  it("aligns columns whatever their colours and cuts the last one", () => {
    const table = formatTable(
      ["A", "B", "C"],
      [
        ["\u001b[1mlong cell\u001b[22m", "x", "0123456789"],
        ["s", "", ""],
      ],
      { maxWidth: 20 },
    );
    expect(table.split("\n").map(widthOf)).toEqual([15, 22, 1]);
    expect(table).toBe("A          B  C\n\u001b[1mlong cell\u001b[22m  x  0123456…\ns");
  });
});

describe("formatTools", () => {
  it("keeps a tool with many arguments from pushing the descriptions away", () => {
    const names = Array.from({ length: 20 }, (_, index) => `argument${index}`);
    const properties = Object.fromEntries(names.map((name) => [name, { type: "string" as const }]));
    const tools = [
      { name: "many", description: "Takes\nmany", inputSchema: { type: "object" as const, properties } },
      { name: "none", inputSchema: { type: "object" as const } },
    ];
    const output = { isTTY: false, columns: 80, write: () => undefined };
    const [, many, none, , count] = formatTools(tools, output, (_, text) => text).split("\n");
    expect(many).toMatch(/^many {2}argument0:string .{42}… {2}Takes many$/);
    expect(none).toBe("none  -");
    expect(count).toMatch(/^2 tools; /);
  });
});

describe("formatDuration", () => {
  it.each([
    [0, "0s"],
    [499, "0s"],
    [59_000, "59s"],
    [60_000, "1m"],
    [3_725_000, "1h 2m"],
    [90_061_000, "1d 1h"],
    [-5, "0s"],
  ])("%d ms is %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

describe("formatToolResult", () => {
  it("prints texts and names everything else", () => {
    const result = formatToolResult(
      {
        content: [
          { type: "text", text: "hello" },
          { type: "image", mimeType: "image/png", data: "AAEC/w==" },
          { type: "resource_link", name: "doc", uri: "file:///doc" },
          { type: "resource", resource: { uri: "x://1", text: "inside" } },
          { type: "resource", resource: { uri: "x://2", blob: "AAEC/w==" } },
        ],
      },
      false,
    );
    expect(result.split("\n")).toEqual([
      "hello",
      "[image image/png, 4 bytes; --json shows the data]",
      "[resource link doc: file:///doc]",
      "inside",
      "[resource x://2, 4 bytes; --json shows the data]",
    ]);
    expect(formatToolResult({ content: [], structuredContent: { a: 1 } }, false)).toBe('{\n  "a": 1\n}');
  });

  it("keeps a tool from writing control sequences to a terminal, and only there", () => {
    const content = [{ type: "text" as const, text: "a\u001b[2Jb\u0007\tc\nd\u001b]0;title\u0007e\r" }];
    expect(formatToolResult({ content }, true)).toBe("ab\tc\nde");
    expect(formatToolResult({ content }, false)).toContain("\u001b[2J");
    expect(printable("\u009b31mred")).not.toContain("\u009b");
  });
});

describe("resolveTarget", () => {
  it.each([
    ["http://h:1", "http://h:1/mcp", "http://h:1/api/status"],
    ["http://h:1/", "http://h:1/mcp", "http://h:1/api/status"],
    ["http://h:1/mcp", "http://h:1/mcp", "http://h:1/api/status"],
    ["http://h:1/mcp/files/", "http://h:1/mcp/files", "http://h:1/api/status"],
    ["https://h/behind/proxy", "https://h/behind/proxy/mcp", "https://h/behind/proxy/api/status"],
    ["https://h/behind/mcp?key=1", "https://h/behind/mcp?key=1", "https://h/behind/api/status?key=1"],
  ])("%s", (url, mcp, status) => {
    const target = resolveTarget(url);
    expect([target.mcp.href, target.status.href]).toEqual([mcp, status]);
  });
});

describe("nearestNames", () => {
  const names = ["everything__echo", "everything__get-sum", "files__read_file", "memory__read_graph"];
  it.each([
    ["echo", ["everything__echo"]],
    ["everything__ecko", ["everything__echo"]],
    ["get_sum", ["everything__get-sum"]],
    ["read", ["files__read_file", "memory__read_graph"]],
    ["something-else", []],
  ])("%s", (word, expected) => {
    expect(nearestNames(word, names)).toEqual(expected);
  });
});
