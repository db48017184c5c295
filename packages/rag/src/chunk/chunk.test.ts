import { describe, expect, it } from "vitest";
import { chunkText } from "./chunk.ts";

const texts = (
  text: string,
  format: "markdown" | "text" | "code",
  maxChars = 200,
  title = "",
): readonly string[] => chunkText(text, format, title, { maxChars }).map((chunk) => chunk.text);

describe("chunkText", () => {
  it("gives offsets that lead back to the text, in order and without overlap", () => {
    const text = `# A\n\n${"One two three. ".repeat(40)}\n\n## B\n\n- x\n- y\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\nEnd.`;
    const chunks = chunkText(text, "markdown", "A", { maxChars: 150 });
    expect(chunks.length).toBeGreaterThan(3);
    for (const [at, { text: part, start, end }] of chunks.entries()) {
      expect(text.slice(start, end)).toBe(part);
      expect(part.length).toBeLessThanOrEqual(150);
      expect(start).toBeGreaterThanOrEqual(chunks[at - 1]?.end ?? 0);
    }
    // Nothing but white space is lost.
    const lost = chunks.reduce((rest, { text: part }) => rest.replace(part, ""), text);
    expect(lost.trim()).toBe("");
  });

  it("keeps the path of headings, and takes the first heading for the title it is", () => {
    const section = "word ".repeat(30);
    const text = `# Guide\n\n${section}\n\n## Install\n\n${section}\n\n### On *Linux*\n\n${section}\n\n## [Use](x.md)\n\n${section}\n\nSetext\n------\n\n${section}`;
    const headings = chunkText(text, "markdown", "Guide", { maxChars: 200 }).map(({ heading }) => heading);
    expect(headings).toEqual([
      "Guide",
      "Guide > Install",
      "Guide > Install > On Linux",
      "Guide > Use",
      "Guide > Setext",
    ]);
  });

  it("puts short sections together under what their headings share", () => {
    const [chunk, ...others] = chunkText("# A\n\n## B\n\nb\n\n## C\n\nc", "markdown", "A", {
      maxChars: 300,
      minChars: 100,
    });
    expect([others.length, chunk?.heading]).toEqual([0, "A"]);
  });

  it.each(["```", "~~~", "````"])(
    "does not split a fence (%s) that fits, nor takes what is in it for Markdown",
    (fence) => {
      const code = `${fence}sh\n# no heading\n\n| a | b |\n| - | - |\n\nmore\n${fence}`;
      const text = `${"Before. ".repeat(22)}\n\n${code}\n\nAfter.`;
      const found = texts(text, "markdown");
      expect(found.filter((part) => part.includes(fence))).toHaveLength(1);
      expect(found.find((part) => part.includes(fence))).toContain(code);
    },
  );

  it("splits a fence, or a table, that is too long only between lines", () => {
    const line = (at: number): string => `line ${at} ${"x".repeat(40)}`;
    const code = ["```", ...Array.from({ length: 20 }, (_, at) => line(at)), "```"];
    const parts = texts(code.join("\n"), "markdown");
    expect(parts.length).toBeGreaterThan(4);
    for (const part of parts) for (const one of part.split("\n")) expect(code).toContain(one);
    const table = [
      "| a | b |",
      "| --- | --- |",
      ...Array.from({ length: 20 }, (_, at) => `| ${at} | ${"y".repeat(30)} |`),
    ];
    for (const part of texts(table.join("\n"), "markdown"))
      for (const row of part.split("\n")) expect(table).toContain(row);
  });

  it("keeps a table that fits in one piece", () => {
    const table = "| name | value |\n|------|:-----:|\n| a | 1 |\n| b | 2 |";
    expect(
      texts(`${"Before. ".repeat(20)}\n\n${table}\n\nAfter.`, "markdown").filter((part) =>
        part.includes("|"),
      ),
    ).toEqual([expect.stringContaining(table)]);
  });

  it("cuts long paragraphs after sentences, long sentences between words, and never within a character", () => {
    const sentences = texts("This is a sentence of some length. ".repeat(20), "text");
    for (const part of sentences) expect(part.endsWith(".")).toBe(true);
    const words = texts("word ".repeat(200), "text");
    for (const part of words) expect(part).toMatch(/^(word ?)+$/);
    const emoji = texts("🦦".repeat(333), "text", 101);
    expect(emoji.join("")).toBe("🦦".repeat(333));
    for (const part of emoji) expect(() => encodeURIComponent(part)).not.toThrow();
  });

  it("keeps declarations of code together", () => {
    const code = Array.from(
      { length: 6 },
      (_, at) => `function f${at}() {\n  const x = ${at};\n\n  return x;\n}`,
    ).join("\n\n");
    for (const part of texts(code, "code", 130))
      expect((part.match(/\{/g) ?? []).length).toBe((part.match(/\}/g) ?? []).length);
  });

  it("has nothing for nothing, and says which option is out of range", () => {
    expect(texts("", "markdown")).toEqual([]);
    expect(texts(" \n\n ", "text")).toEqual([]);
    expect(() => chunkText("x", "text", "", { maxChars: 5 })).toThrow(/maxChars must be an integer from 100/);
    expect(() => chunkText("x", "text", "", { maxChars: 200, minChars: 300 })).toThrow(/minChars/);
  });
});
