import { describe, expect, it } from "vitest";
import { oldestOf } from "./node-versions.ts";
import { createSuiteReport } from "./report.ts";
import { runCommand } from "./run-command.ts";
import { readSnippets } from "./snippets.ts";

describe("the report of the extra suites", () => {
  it("counts what passed, failed and was skipped, and says why", async () => {
    const lines: string[] = [];
    const report = createSuiteReport((line) => lines.push(line));
    expect(await report.check("good", () => undefined)).toBe(true);
    expect(await report.check("bad", () => Promise.reject(new Error("one\ntwo")))).toBe(false);
    report.skip("other", "no such platform");
    expect(report.counts()).toEqual({ passed: 1, failed: 1, skipped: 1 });
    expect(lines.join("\n").replaceAll(/\d+\.\d/g, "0.0")).toBe(
      "ok      good (0.0 s)\nFAILED  bad (0.0 s)\n        one\n        two\nskipped other: no such platform",
    );
  });
});

describe("runCommand", () => {
  it("returns stdout, and puts the output into the error", async () => {
    const node = (code: string) => runCommand(process.execPath, ["--eval", code], { cwd: process.cwd() });
    expect(await node('console.error("not this"); console.log("this")')).toBe("this\n");
    await expect(node('console.error("because"); process.exit(7)')).rejects.toThrow(/exit code 7\nbecause/);
  });
});

it("finds the snippets of a README and what they print", () => {
  const readme = "# a\n```ts\nconsole.log(1); // => 1\n// => 2\n```\n```sh\nls\n```\n```ts\nb();\n```\n";
  expect(readSnippets(readme)).toEqual([
    { code: "console.log(1); // => 1\n// => 2\n", expected: ["1", "2"] },
    { code: "b();\n", expected: [] },
  ]);
});

it("reads the oldest Node out of engines", () => {
  expect(oldestOf(">=22.19.0")).toBe("22.19.0");
  expect(() => oldestOf("^22 || ^24")).toThrow('engines.node must look like ">=x.y.z"');
});
