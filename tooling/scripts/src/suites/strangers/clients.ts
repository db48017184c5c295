// The clients: each tries a plan on a server, and says of each feature what was wrong, or null.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startProcess } from "@fairlead/testbed";
import { strangerFile } from "./install.ts";
import type { Feature, Plan, Step } from "./plan.ts";
import type { Era, Row } from "./servers.ts";

export type Tried = Readonly<Partial<Record<Feature, string | null>>>;

export interface Job {
  readonly name: string;
  readonly target: Row["target"];
  readonly env?: Row["env"];
  readonly era: Era;
  readonly plan: Plan;
}

export interface StrangerClient {
  readonly title: string;
  run(jobs: readonly Job[]): Promise<ReadonlyMap<string, Tried>>;
}

const MODES: Readonly<Record<Era, string>> = { legacy: "legacy", modern: "2026-07-28" };
const INSPECTOR_ERAS: Readonly<Record<Era, string>> = { legacy: "legacy", modern: "modern" };
const SECONDS_PER_STEP = 15;

export function pythonClient(python: string, title: string): StrangerClient {
  return {
    title,
    async run(jobs) {
      const input = jobs.map(({ era, ...job }) => ({ ...job, mode: MODES[era] }));
      await using client = await startProcess({
        command: python,
        args: [strangerFile("clients/python-sdk.py")],
      });
      client.write(JSON.stringify(input));
      client.end();
      const { code } = await client.exited;
      const lines = client.stdout().split("\n").filter(Boolean);
      if (code !== 0 || lines.length !== jobs.length)
        throw new Error(`the Python client ended with ${code}\n${client.stderr().slice(-2_000)}`);
      return new Map(
        lines.map((line) => {
          const { name, results } = JSON.parse(line) as { name: string; results: Tried };
          return [name, results];
        }),
      );
    },
  };
}

/** Its command line does one thing per process; it shows no progress and answers no questions. */
export function inspectorClient(script: string, folder: string, title: string): StrangerClient {
  return {
    title,
    async run(jobs) {
      const config = join(folder, "inspector.json");
      const mcpServers = Object.fromEntries(
        jobs.map(({ name, target, era }) => [
          name,
          { type: "streamable-http", url: target, protocolEra: INSPECTOR_ERAS[era] },
        ]),
      );
      await writeFile(config, JSON.stringify({ mcpServers }));
      const tried = new Map<string, Tried>();
      const queue = [...jobs];
      const worker = async (): Promise<void> => {
        for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
          const results: Partial<Record<Feature, string | null>> = {};
          for (const step of job.plan) {
            if (step.feature !== "progress" && step.feature !== "ask")
              results[step.feature] = await inspect(script, config, job.name, step);
          }
          tried.set(job.name, results);
        }
      };
      await Promise.all([worker(), worker()]);
      return tried;
    },
  };
}

async function inspect(script: string, config: string, name: string, step: Step): Promise<string | null> {
  const args = [script, "--cli", "--config", config, "--server", name, "--format", "json", ...flagsOf(step)];
  await using inspector = await startProcess({
    command: process.execPath,
    args,
    env: { MCP_INSPECTOR_SECRET_STORE: "memory" },
  });
  const timer = setTimeout(() => inspector.kill("SIGKILL"), SECONDS_PER_STEP * 1_000);
  await inspector.exited;
  clearTimeout(timer);
  const output = inspector.stdout();
  const missing = step.expect.find((text) => !output.includes(text));
  return missing === undefined
    ? null
    : `lacks ${missing}: ${output.slice(0, 300)} ${inspector.stderr().slice(-300)}`;
}

function flagsOf(step: Step): readonly string[] {
  switch (step.do) {
    case "list":
      return ["--method", "tools/list"];
    case "call": {
      const pairs = Object.entries(step.arguments).map(([key, value]) => `${key}=${String(value)}`);
      return [
        ...["--method", "tools/call", "--tool-name", step.name],
        ...(pairs.length === 0 ? [] : ["--tool-arg", ...pairs]),
      ];
    }
    case "read":
      return ["--method", "resources/read", "--uri", step.uri];
    case "prompt": {
      const pairs = Object.entries(step.arguments).map(([key, value]) => `${key}=${value}`);
      return [
        ...["--method", "prompts/get", "--prompt-name", step.name],
        ...(pairs.length === 0 ? [] : ["--prompt-args", ...pairs]),
      ];
    }
  }
}
