// What turbo's run summary (`--summarize`, .turbo/runs/*.json) says about the tasks that failed.
import { globSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

export interface FailedTask {
  /** As turbo names it: `@fairlead/core#test`. */
  readonly id: string;
  readonly task: string;
  /** Folder of its package below the repository root. */
  readonly folder: string;
}

interface Summary {
  readonly tasks: readonly {
    readonly taskId: string;
    readonly task: string;
    readonly directory: string;
    readonly execution?: { readonly exitCode: number };
  }[];
}

/** Removes the summaries of earlier runs, so that the next one is the only one. */
export function removeSummaries(root: string): void {
  rmSync(join(root, ".turbo", "runs"), { recursive: true, force: true });
}

/** The tasks that ran and failed; none when turbo wrote no summary. */
export function readFailedTasks(root: string): readonly FailedTask[] {
  return globSync(".turbo/runs/*.json", { cwd: root })
    .flatMap((file) => (JSON.parse(readFileSync(join(root, file), "utf8")) as Summary).tasks)
    .filter(({ execution }) => execution !== undefined && execution.exitCode !== 0)
    .map(({ taskId, task, directory }) => ({ id: taskId, task, folder: directory }));
}
