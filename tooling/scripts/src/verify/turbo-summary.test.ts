import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readFailedTasks, removeSummaries } from "./turbo-summary.ts";

it("names the failed tasks of the last run only", () => {
  const root = mkdtempSync(join(tmpdir(), "fairlead-turbo-"));
  try {
    expect(readFailedTasks(root)).toEqual([]);
    mkdirSync(join(root, ".turbo/runs"), { recursive: true });
    const task = (name: string, exitCode?: number) => ({
      taskId: `@x/a#${name}`,
      task: name,
      directory: "packages/a",
      ...(exitCode === undefined ? {} : { execution: { exitCode } }),
    });
    const tasks = [task("test", 1), task("build", 0), task("package:check")];
    writeFileSync(join(root, ".turbo/runs/one.json"), JSON.stringify({ tasks }));
    expect(readFailedTasks(root)).toEqual([{ id: "@x/a#test", task: "test", folder: "packages/a" }]);
    removeSummaries(root);
    expect(readFailedTasks(root)).toEqual([]);
  } finally {
    rmSync(root, { recursive: true });
  }
});
