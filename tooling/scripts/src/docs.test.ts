// The documents promise things that can be checked: links that lead somewhere, and code to copy that is the code
// that the tests run.
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
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
