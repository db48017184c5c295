// `fairlead config`: looking at, checking and translating configurations.
import { access, readFile, writeFile } from "node:fs/promises";
import type { Command } from "commander";
import { adminRequest } from "../admin-client.ts";
import { CliError } from "../errors.ts";
import { exitCodes } from "../exit-codes.ts";
import { formatConfigReport } from "../format/config-report.ts";
import { printable, styleFor } from "../format/style.ts";
import type { CliIo } from "../io.ts";
import { type CommandContext, type RemoteOptions, remote } from "./context.ts";

const DEFAULT_FILE = "fairlead.config.yaml";

export function describeConfig(program: Command, context: CommandContext): void {
  const { io, done } = context;
  const config = program
    .command("config")
    .description("Check, show, import and export configurations.")
    .addHelpText(
      "after",
      `
Examples:
  fairlead config check
  fairlead config import ~/.cursor/mcp.json --output fairlead.config.yaml
  fairlead config export --host vscode
  fairlead config show`,
    );
  config
    .command("check")
    .description(
      "Check a configuration: errors, warnings, recommendations. Exits with 2 when it cannot be used.",
    )
    .argument("[file]", "the configuration", DEFAULT_FILE)
    .option("--json", "print JSON")
    .action(async (file: string, { json = false }: { readonly json?: boolean }) => {
      const { checkConfig } = await import("@fairlead/gateway");
      const report = await checkConfig(file, { ...io.env });
      const text = json
        ? JSON.stringify(report, null, 2)
        : formatConfigReport(report, styleFor(io.stdout, io.env), await readLines(report.file));
      io.stdout.write(`${text}\n`);
      done(report.errors.length > 0 ? exitCodes.usage : exitCodes.ok);
    });
  remote(
    config.command("show").description("Show the configuration of a running gateway, without its secrets."),
    context,
  ).action(async (options: RemoteOptions) => {
    const answer = await adminRequest<{ file: string; config: unknown }>(
      options,
      { path: "/config", doing: "asking the gateway" },
      io,
    );
    const { stringify } = await import("yaml");
    io.stdout.write(
      options.json === true
        ? `${JSON.stringify(answer, null, 2)}\n`
        : `# ${printable(answer.file)}\n${printable(stringify(answer.config))}`,
    );
    done(exitCodes.ok);
  });
  remote(
    config.command("reload").description("Make a running gateway read its configuration again."),
    context,
  ).action(async (options: RemoteOptions) => {
    const report = await adminRequest<{ ok: boolean; error: string | null; changes: readonly string[] }>(
      options,
      { method: "POST", path: "/config/reload", body: {}, doing: "waiting for the gateway" },
      io,
    );
    if (options.json === true) io.stdout.write(`${JSON.stringify(report)}\n`);
    else if (report.ok)
      io.stdout.write(
        `applied: ${report.changes.length === 0 ? "nothing is different" : report.changes.join("; ")}\n`,
      );
    if (!report.ok && options.json !== true)
      throw new CliError("PROTOCOL_ERROR", `not applied, the configuration before stays:\n${report.error}`, {
        fix: '"fairlead config check" shows the same before you save',
      });
    done(report.ok ? exitCodes.ok : exitCodes.protocol);
  });
  config
    .command("schema")
    .description("Print the JSON Schema of configurations.")
    .action(async () => {
      const { configJsonSchema } = await import("@fairlead/gateway");
      io.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
      done(exitCodes.ok);
    });
  config
    .command("import")
    .description("Turn the servers of LM Studio, Claude, Cursor or VS Code into a configuration.")
    .argument("<file>", "mcp.json, claude_desktop_config.json, …")
    .option("--output <file>", "write it there instead of printing it; an existing file is not touched")
    .action(async (file: string, { output }: { readonly output?: string }) => {
      await importFile(file, output, io);
      done(exitCodes.ok);
    });
  config
    .command("export")
    .description("Print what an MCP host's own file needs to use a gateway.")
    .addOption(context.urlOption())
    .option("--host <host>", "lmstudio, claude-code, claude-desktop, cursor or vscode", "cursor")
    .option("--name <name>", "name of the entry", "fairlead")
    .action(async (options: { readonly url: string; readonly host: string; readonly name: string }) => {
      const { entryOf, hostOf } = await import("./connect.ts");
      const { planHostConfig } = await import("@fairlead/lmstudio/hosts");
      const host = hostOf(options.host);
      // Into a home that does not exist, so that only the new entry is printed.
      const home = `/nonexistent-${process.pid}`;
      const plan = await planHostConfig({
        host,
        name: options.name,
        entry: entryOf(host, options.url),
        home,
      });
      io.stdout.write(plan.after.endsWith("\n") ? plan.after : `${plan.after}\n`);
      done(exitCodes.ok);
    });
}

async function importFile(file: string, output: string | undefined, io: CliIo): Promise<void> {
  const { isMcpServers, poolsOfMcpServers, SCHEMA_URL, withoutLiteralSecrets } = await import(
    "@fairlead/gateway"
  );
  const { parse, stringify } = await import("yaml");
  let value: unknown;
  try {
    value = parse(await readFile(file, "utf8"));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CliError("USAGE", `${file} cannot be read: ${why}`, { cause, fix: "name the host's own file" });
  }
  if (!isMcpServers(value))
    throw new CliError("USAGE", `${file} has neither mcpServers nor servers`, {
      fix: "name the file in which the host keeps its MCP servers",
    });
  const { pools, variables } = withoutLiteralSecrets(
    poolsOfMcpServers(value as Readonly<Record<string, unknown>>),
  );
  const text = `# yaml-language-server: $schema=${SCHEMA_URL}\n${stringify({ pools }, { lineWidth: 120 })}`;
  if (output === undefined) {
    io.stdout.write(text);
  } else {
    const exists = await access(output).then(
      () => true,
      () => false,
    );
    if (exists) throw new CliError("USAGE", `${output} is there already`, { fix: "choose another --output" });
    await writeFile(output, text);
    io.stdout.write(`${output}: ${Object.keys(pools).length} pools; next: fairlead config check ${output}\n`);
  }
  if (variables.length > 0)
    io.stderr.write(
      `Secrets were left out. Set before you start the gateway: ${[...new Set(variables)].join(", ")}\n`,
    );
}

async function readLines(file: string): Promise<readonly string[]> {
  return (await readFile(file, "utf8").catch(() => "")).split("\n");
}
