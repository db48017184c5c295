// `fairlead connect`: writes the gateway into an MCP host's own configuration.
import {
  HostConfigError,
  type HostEntry,
  type McpHost,
  mcpHosts,
  planHostConfig,
  writeHostConfig,
} from "@fairlead/lmstudio/hosts";
import type { Command } from "commander";
import { confirmed } from "../confirm.ts";
import { CliError } from "../errors.ts";
import { exitCodes } from "../exit-codes.ts";
import { describeDifference } from "../format/difference.ts";
import { printable, styleFor } from "../format/style.ts";
import type { CliIo } from "../io.ts";
import { nearestNames } from "../nearest-names.ts";
import { resolveTarget } from "../target.ts";
import type { CommandContext } from "./context.ts";

interface ConnectOptions {
  readonly url: string;
  readonly name: string;
  readonly project?: string;
  readonly dryRun?: boolean;
  readonly remove?: boolean;
  readonly yes?: boolean;
}

export function describeConnect(program: Command, context: CommandContext): void {
  const { io, done } = context;
  program
    .command("connect")
    .description("Write the gateway into the configuration of LM Studio, Claude, Cursor or VS Code.")
    .argument(
      "[host]",
      "lmstudio, claude (or claude-code), claude-desktop, cursor or vscode; asked for when left out",
    )
    .addOption(context.urlOption())
    .option("--name <name>", "name of the entry", "fairlead")
    .option("--project <folder>", "the file of this project instead of the user's")
    .option("--dry-run", "show what would change, and write nothing")
    .option("--remove", "take the entry out instead")
    .option("--yes", "do not ask")
    .addHelpText(
      "after",
      `
What is there stays; the file is replaced in one step, and a copy of what it was is kept beside it.

Examples:
  fairlead connect lmstudio --dry-run
  fairlead connect cursor --url http://127.0.0.1:3005/mcp/search --name search
  fairlead connect vscode --project .`,
    )
    .action(async (host: string | undefined, options: ConnectOptions) => {
      await connect(host ?? (await askForHost(io)), options, io);
      done(exitCodes.ok);
    });
}

/** Also takes `claude`. @throws {@link CliError} `USAGE` */
export function hostOf(text: string): McpHost {
  const host = text === "claude" ? "claude-code" : text;
  const known = mcpHosts.find((candidate) => candidate === host);
  if (known !== undefined) return known;
  const near = nearestNames(text, [...mcpHosts]);
  throw new CliError("USAGE", `there is no host "${text}"`, {
    fix: near.length > 0 ? `did you mean ${near.join(" or ")}?` : `choose one of ${mcpHosts.join(", ")}`,
  });
}

/** Claude Desktop's file takes no URLs; there the command line stands in between. */
export function entryOf(host: McpHost, url: string): HostEntry {
  const { mcp } = resolveTarget(url);
  if (host !== "claude-desktop") return { url: mcp.href };
  return { command: "npx", args: ["-y", "fairlead", "serve", "--stdio", "--attach", mcp.href] };
}

async function connect(hostName: string, options: ConnectOptions, io: CliIo): Promise<void> {
  const host = hostOf(hostName);
  const entry = options.remove === true ? null : entryOf(host, options.url);
  const home = io.env["HOME"];
  try {
    const plan = await planHostConfig({
      host,
      name: options.name,
      entry,
      ...(home === undefined ? {} : { home }),
      ...(options.project === undefined ? {} : { project: options.project }),
    });
    const style = styleFor(io.stdout, io.env);
    if (!plan.changed) {
      io.stdout.write(`${plan.path} already says so; nothing to do\n`);
      return;
    }
    io.stdout.write(
      `${style("bold", printable(plan.path))}\n${describeDifference(plan.before, plan.after, style)}\n`,
    );
    if (options.dryRun === true) {
      io.stdout.write("Nothing was written (--dry-run).\n");
      return;
    }
    await confirmed("Write this?", options.yes, io);
    const { backupPath } = await writeHostConfig(plan);
    const kept = backupPath === undefined ? "" : `; the file before is ${backupPath}`;
    io.stdout.write(`Written${kept}. Restart ${host}, or reload its MCP servers, to see the tools.\n`);
  } catch (error) {
    if (!(error instanceof HostConfigError)) throw error;
    throw new CliError("USAGE", error.message, { cause: error, fix: "correct the file, and run it again" });
  }
}

async function askForHost(io: CliIo): Promise<string> {
  if (!io.stdout.isTTY || !io.stderr.isTTY)
    throw new CliError("USAGE", "no host given", { fix: `name one of ${mcpHosts.join(", ")}` });
  const { isCancel, select } = await import("@clack/prompts");
  const answer = await select({
    message: "Which program should use the gateway?",
    options: mcpHosts.map((host) => ({ value: host, label: host })),
  });
  if (isCancel(answer)) throw new CliError("INTERRUPTED", "nothing was done", { fix: "name the host" });
  return answer;
}
