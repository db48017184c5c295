// The ```ts blocks of an installed package's README, run there by plain Node.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "./run-command.ts";

export interface Snippet {
  readonly code: string;
  /** What it must print: one line per `// => ` comment. */
  readonly expected: readonly string[];
}

export function readSnippets(readme: string): readonly Snippet[] {
  return [...readme.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code = ""]) => ({
    code,
    expected: [...code.matchAll(/\/\/ => (.*)$/gm)].map(([, text = ""]) => text),
  }));
}

/** Whether a snippet has a `using` declaration; type stripping leaves it to the JavaScript engine. */
export async function usesUsing(project: string, name: string): Promise<boolean> {
  const snippets = readSnippets(await readInstalled(project, name));
  return snippets.some(({ code }) => /^\s*(await )?using \w+ =/m.test(code));
}

/** @throws {@link Error} when there is no snippet, one fails, or one prints something else than it says. */
export async function runReadme(project: string, name: string, node: string): Promise<void> {
  const snippets = readSnippets(await readInstalled(project, name));
  if (snippets.length === 0) throw new Error(`the README of ${name} has no \`\`\`ts snippet`);
  for (const [index, { code, expected }] of snippets.entries()) {
    const file = join(project, `snippet-${index}.ts`);
    await writeFile(file, code);
    const stdout = await runCommand(node, [file], { cwd: project, timeoutMs: 60_000 });
    const printed = stdout.trim().split("\n");
    if (printed.join("\n") !== expected.join("\n"))
      throw new Error(`snippet ${index} printed\n${printed.join("\n")}\ninstead of\n${expected.join("\n")}`);
  }
}

/** A package without a README has no snippets. */
async function readInstalled(project: string, name: string): Promise<string> {
  return await readFile(join(project, "node_modules", name, "README.md"), "utf8").catch(() => "");
}
