// Every ```ts block of a package's README is a test: it runs by self-reference against the package's
// sources, and what it prints must match its `// =>` comments.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const run = promisify(execFile);

/** Declares one test per ```ts block of `README.md` in `packageRoot` (a directory URL ending in `/`). */
export async function describeReadme(packageRoot: URL): Promise<void> {
  const readme = await readFile(new URL("README.md", packageRoot), "utf8");
  const snippets = [...readme.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code = ""]) => code);

  describe("README", () => {
    it("has at least one runnable snippet", () => {
      expect(snippets.length).toBeGreaterThan(0);
    });

    it.each(snippets.map((code, index) => ({ index, code })))("snippet $index runs", async ({ code }) => {
      const expected = [...code.matchAll(/\/\/ => (.*)$/gm)].map(([, text]) => text);
      const { stdout } = await run(
        process.execPath,
        ["--conditions=@fairlead/source", "--input-type=module-typescript", "--eval", code],
        { cwd: fileURLToPath(packageRoot), timeout: 50_000 },
      );
      expect(stdout.trim().split("\n")).toEqual(expected);
    });
  });
}
