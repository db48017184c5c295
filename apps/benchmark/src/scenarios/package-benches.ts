// What the packages measure of themselves, gathered: each has a script that prints Markdown, which is run and read here.
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Scenario, Table } from "../result.ts";

interface PackageBench {
  readonly name: string;
  readonly description: string;
  readonly title: string;
  readonly summary: string;
  /** Folder below `packages`. */
  readonly folder: string;
  readonly script: string;
  readonly nodeArguments: readonly string[];
}

const BENCHES: readonly PackageBench[] = [
  {
    name: "core",
    description: "a guarded call (breaker, retry, timeouts) beside cockatiel and opossum",
    title: "What protection costs",
    summary:
      "A circuit breaker, retries and timeouts around a function that returns at once: what they add to each call, beside the two best-known libraries, in the same process.",
    folder: "core",
    script: "bench/run.ts",
    nodeArguments: ["--expose-gc"],
  },
  {
    name: "pick",
    description: "picking one of 8, 64 and 1,000 servers, by strategy",
    title: "What choosing a server costs",
    summary:
      "Nanoseconds (billionths of a second) and bytes for one choice, by strategy and number of servers.",
    folder: "balancer",
    script: "bench/pick-cost.ts",
    nodeArguments: ["--expose-gc", "--conditions=@fairlead/source"],
  },
];

export const packageBenches: readonly Scenario[] = BENCHES.map((bench) => ({
  name: bench.name,
  description: bench.description,
  async run({ onProgress }) {
    onProgress(`running ${bench.script} of packages/${bench.folder}`);
    const output = await run(bench);
    return {
      scenario: bench.name,
      title: bench.title,
      summary: [bench.summary],
      tables: readTables(output),
      charts: [],
      claims: [],
      keyFigures: [],
      skipped: [],
      data: { output },
    };
  },
}));

function run({ folder, script, nodeArguments }: PackageBench): Promise<string> {
  const root = join(dirname(fileURLToPath(import.meta.url)), "../../../../packages", folder);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...nodeArguments, script], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    let words = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      words = (words + chunk.toString()).slice(-2_000);
    });
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${script} of packages/${folder} ended with ${code}: ${words}`));
    });
  });
}

/** The tables of a Markdown text, each under the last heading or line of words before it. */
export function readTables(markdown: string): Table[] {
  const tables: { title: string; columns: string[]; rows: string[][] }[] = [];
  let words = "Result";
  let open: (typeof tables)[number] | undefined;
  for (const line of markdown.split("\n")) {
    if (!line.startsWith("|")) {
      open = undefined;
      const text = line.replace(/^#+\s*/, "").trim();
      if (text !== "") words = text;
      continue;
    }
    const cells = line
      .slice(1, line.trimEnd().length - 1)
      .split("|")
      .map((cell) => cell.trim().replaceAll("**", "").replaceAll("`", ""));
    if (cells.every((cell) => /^:?-+:?$/.test(cell))) continue;
    if (open === undefined) {
      open = { title: words, columns: cells, rows: [] };
      tables.push(open);
    } else open.rows.push(cells);
  }
  return tables;
}
