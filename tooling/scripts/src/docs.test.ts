// The documents promise things that can be checked: links that lead somewhere, and code to copy that is the code
// that the tests run.
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { limitsSchema, poolOptionsSchema, toJsonSchema } from "@fairlead/aggregator/schema";
import { loadConfig } from "@fairlead/gateway";
import { tempDir } from "@fairlead/testbed";
import { describe, expect, it } from "vitest";
import { readSnippets } from "./suites/snippets.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const read = (file: string): string => readFileSync(join(root, file), "utf8");
const documents = globSync(["*.md", "docs/**/*.md", "examples/**/*.md", "{packages,apps}/*/README.md"], {
  cwd: root,
  exclude: ["**/node_modules/**"],
}).sort();

describe.each(documents)("%s", (document) => {
  it("links only to files and headings that exist", () => {
    const broken = [...read(document).matchAll(/\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)/g)]
      .map(([, path = "", heading]) => ({
        path: path === "" ? document : join(dirname(document), path),
        heading,
      }))
      .filter(({ path, heading }) => {
        if (!existsSync(join(root, path))) return true;
        return heading !== undefined && !headingsOf(read(path)).includes(heading);
      });
    expect(broken).toEqual([]);
  });
});

describe("README.md", () => {
  it("shows only snippets that a package's README has, where they are run", () => {
    const tested = globSync("{packages,apps}/*/README.md", { cwd: root }).flatMap((file) =>
      readSnippets(read(file)).map(({ code }) => code.trim()),
    );
    const shown = readSnippets(read("README.md")).map(({ code }) => code.trim());
    expect(shown.filter((code) => !tested.includes(code))).toEqual([]);
    expect(shown.length).toBeGreaterThan(0);
  });

  it("shows the clients' configuration as it is in examples/clients", () => {
    const shown = [...read("README.md").matchAll(/^```json\n(.*?)^```/gms)].map(([, code = ""]) => code);
    const files = globSync("examples/clients/*.json", { cwd: root });
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      expect(() => JSON.parse(read(file)) as unknown).not.toThrow();
      expect(shown).toContain(read(file));
    }
  });
});

describe("configuration", () => {
  const environment = {
    HOME: "/home/me",
    SEARCH_TOKEN: "secret",
    TICKETS_TOKEN: "secret",
    WEATHER_API_TOKEN: "secret",
  };

  it.each([...globSync("examples/config/*.yaml", { cwd: root }).sort(), "fairlead.config.yaml"])(
    "%s can be loaded",
    async (file) => {
      const { multiplexer } = await loadConfig(join(root, file), environment);
      expect(multiplexer.pools.length).toBeGreaterThan(0);
    },
  );

  it.each(documents.filter((document) => read(document).includes("\n```yaml\n")))(
    "every YAML block of %s can be loaded",
    async (document) => {
      await using dir = await tempDir();
      const blocks = [...read(document).matchAll(/^```yaml\n(.*?)^```/gms)].map(([, text = ""]) => text);
      for (const [index, text] of blocks.entries()) {
        const file = dir.file(`${index}.yaml`);
        writeFileSync(file, text);
        const { multiplexer } = await loadConfig(file, environment);
        expect(multiplexer.pools.length).toBeGreaterThan(0);
      }
    },
  );

  it("describes every key that the schema knows", () => {
    const own = read("apps/gateway/src/config/schema.ts").matchAll(
      /^ +([a-zA-Z]+): ?(?:z\b|\w+Schema\b|$)/gm,
    );
    const keys = [
      ...[...own].map(([, key = ""]) => key),
      ...[poolOptionsSchema, limitsSchema].flatMap((schema) => propertiesOf(toJsonSchema(schema))),
    ];
    const page = read("docs/configuration.md");
    expect(keys.length).toBeGreaterThan(30);
    expect(keys.filter((key) => !new RegExp(`\\b${key}\\b`).test(page))).toEqual([]);
  });
});

it("docs/troubleshooting.md has an entry for every error code", () => {
  const sources = globSync("{packages/aggregator,packages/cli,apps/gateway}/src/**/*.ts", {
    cwd: root,
    exclude: ["**/*.test.ts"],
  }).map(read);
  const codes = sources.flatMap((text) => [
    ...[...text.matchAll(/\bcode: "([A-Z][A-Z_]{3,})"/g)].map(([, code = ""]) => code),
    ...[...text.matchAll(/^export type \w+ErrorCode =([^;]+);/gm)].flatMap(([, union = ""]) =>
      [...union.matchAll(/"([A-Z_]+)"/g)].map(([, code = ""]) => code),
    ),
  ]);
  const page = read("docs/troubleshooting.md");
  expect(new Set(codes).size).toBeGreaterThan(10);
  expect([...new Set(codes)].filter((code) => !page.includes(code))).toEqual([]);
});

/** The names of all properties, at any depth. */
function propertiesOf(schema: unknown): readonly string[] {
  if (typeof schema !== "object" || schema === null) return [];
  return Object.entries(schema).flatMap(([key, child]) => [
    ...(key === "properties" ? Object.keys(child as object) : []),
    ...propertiesOf(child),
  ]);
}

/** GitHub's anchors: lower case, punctuation dropped, spaces to hyphens. */
function headingsOf(markdown: string): readonly string[] {
  return [...markdown.replaceAll(/^```.*?^```/gms, "").matchAll(/^#+ (.*)$/gm)].map(([, text = ""]) =>
    text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(" ", "-"),
  );
}
