// `fairlead servers`: which servers serve, and what is to become of them.
import type { Command } from "commander";
import { adminRequest } from "../admin-client.ts";
import { confirmed } from "../confirm.ts";
import { CliError } from "../errors.ts";
import { exitCodes } from "../exit-codes.ts";
import { printable, styleFor } from "../format/style.ts";
import { formatTable } from "../format/table.ts";
import type { CliIo } from "../io.ts";
import { type CommandContext, type RemoteOptions, remote } from "./context.ts";

interface ServerRow {
  readonly id: string;
  readonly pool: string;
  readonly transport: string;
  readonly status: string;
  readonly breaker: string;
  readonly inFlight: number;
  readonly calls: number;
  readonly failures: number;
  readonly reason: string | null;
}

interface ChangeOptions extends RemoteOptions {
  readonly persist?: boolean;
  readonly yes?: boolean;
  readonly reason?: string;
}

interface AddOptions extends ChangeOptions {
  readonly id?: string;
  readonly header?: readonly string[];
  readonly env?: readonly string[];
  readonly priority?: string;
  readonly weight?: string;
}

const VERBS = [
  ["drain", "Give a server no new calls, and wait until those that it has have ended.", "drained"],
  ["undrain", "Give a server calls again.", "serves again"],
  [
    "failover",
    "Move a server's calls elsewhere, and give it no new ones until it is undrained.",
    "gave its calls to others",
  ],
  ["restart", "Start a server anew after its calls have ended.", "was restarted"],
  ["enable", "Switch a server on.", "is switched on"],
  ["disable", "Switch a server off after its calls have ended.", "is switched off"],
] as const;

export function describeServers(program: Command, context: CommandContext): void {
  const { io, done } = context;
  const servers = program
    .command("servers")
    .description("Show and change the servers behind a running gateway.")
    .addHelpText(
      "after",
      `
Examples:
  fairlead servers
  fairlead servers add search https://search.example.com/mcp --header "authorization=Bearer \${SEARCH_TOKEN}" --persist
  fairlead servers drain search-1
  fairlead servers failover search-1 --reason "disk is full"`,
    );
  remote(servers.command("list", { isDefault: true }).description("List the servers."), context).action(
    async (options: RemoteOptions) => {
      await list(options, io);
      done(exitCodes.ok);
    },
  );
  remote(
    servers
      .command("add")
      .description("Add a server to a pool; a pool that does not exist is created.")
      .argument("<pool>", "namespace of the pool")
      .argument("<url-or-command...>", "its URL; or, where the gateway allows it, a command behind --"),
    context,
  )
    .option("--id <id>", "id of the server (default: the pool's name and a number)")
    .option("--header <name=value>", "header to send to it; repeatable", collect, [])
    .option("--env <name=value>", "variable of its environment; repeatable", collect, [])
    .option("--priority <n>", "lower is preferred")
    .option("--weight <n>", "share of the traffic")
    .option("--persist", "also write it into the configuration file")
    .action(async (pool: string, target: readonly string[], options: AddOptions) => {
      await add(pool, target, options, io);
      done(exitCodes.ok);
    });
  remote(
    servers.command("remove").description("Take a server out after its calls have ended.").argument("<id>"),
    context,
  )
    .option("--persist", "also take it out of the configuration file")
    .option("--yes", "do not ask")
    .action(async (id: string, options: ChangeOptions) => {
      await confirmed(`Take ${id} out?`, options.yes, io);
      const query = options.persist === true ? "?persist=true" : "";
      await adminRequest(
        options,
        {
          method: "DELETE",
          path: `/servers/${encodeURIComponent(id)}${query}`,
          doing: `waiting for the calls on ${id}`,
        },
        io,
      );
      say(options, { done: true, id }, `${id} was taken out`, io);
      done(exitCodes.ok);
    });
  for (const [verb, description, past] of VERBS) {
    const command = remote(servers.command(verb).description(description).argument("<id>"), context);
    if (verb === "failover") command.option("--reason <text>", "why, for the log");
    if (verb === "enable" || verb === "disable")
      command.option("--persist", "also change the configuration file");
    command.action(async (id: string, options: ChangeOptions) => {
      const { reason, persist } = options;
      const body = {
        ...(reason === undefined ? {} : { reason }),
        ...(persist === undefined ? {} : { persist }),
      };
      await adminRequest(
        options,
        { method: "POST", path: `/servers/${encodeURIComponent(id)}/${verb}`, body, doing: `${verb} ${id}` },
        io,
      );
      say(options, { done: true, id }, `${id} ${past}`, io);
      done(exitCodes.ok);
    });
  }
}

async function list(options: RemoteOptions, io: CliIo): Promise<void> {
  const answer = await adminRequest<{ servers: readonly ServerRow[] }>(
    options,
    { path: "/servers", doing: "asking the gateway" },
    io,
  );
  if (options.json === true) {
    io.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
    return;
  }
  const style = styleFor(io.stdout, io.env);
  const rows = answer.servers.map((server) => [
    style("bold", printable(server.id)),
    printable(server.pool),
    server.transport,
    style(server.status === "ready" ? "green" : "yellow", printable(server.status)),
    server.breaker,
    String(server.inFlight),
    String(server.calls),
    String(server.failures),
    printable(server.reason ?? "").replace(/\s+/g, " "),
  ]);
  const header = ["SERVER", "POOL", "TRANSPORT", "STATE", "BREAKER", "NOW", "CALLS", "FAILED", "NOTE"];
  const width = io.stdout.isTTY ? { maxWidth: io.stdout.columns } : {};
  io.stdout.write(`${formatTable(header, rows, width)}\n`);
}

async function add(pool: string, target: readonly string[], options: AddOptions, io: CliIo): Promise<void> {
  const [first = "", ...rest] = target;
  const isUrl = /^https?:\/\//.test(first);
  if (isUrl && rest.length > 0)
    throw new CliError("USAGE", `a URL stands alone, got also ${rest.join(" ")}`, {
      fix: "leave the rest out",
    });
  const server = {
    ...(options.id === undefined ? {} : { id: options.id }),
    ...(isUrl ? { url: first } : { command: first, ...(rest.length > 0 ? { args: rest } : {}) }),
    ...pairs("headers", options.header),
    ...pairs("env", options.env),
    ...number("priority", options.priority),
    ...number("weight", options.weight),
  };
  const body = { pool, server, ...(options.persist === true ? { persist: true } : {}) };
  const answer = await adminRequest<{ id: string }>(
    options,
    { method: "POST", path: "/servers", body, doing: `waiting for ${first}` },
    io,
  );
  say(options, answer, `${answer.id} was added to ${pool}; "fairlead status" shows how it is`, io);
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function pairs(name: string, texts: readonly string[] = []): Record<string, unknown> {
  if (texts.length === 0) return {};
  const entries = texts.map((text) => {
    const at = text.indexOf("=");
    if (at < 1)
      throw new CliError("USAGE", `must look like name=value, got "${text}"`, { fix: "write name=value" });
    return [text.slice(0, at), text.slice(at + 1)];
  });
  return { [name]: Object.fromEntries(entries) as unknown };
}

function number(name: string, text: string | undefined): Record<string, number> {
  if (text === undefined) return {};
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value))
    throw new CliError("USAGE", `--${name} must be a number, got "${text}"`, { fix: `write --${name} 1` });
  return { [name]: value };
}

function say(options: RemoteOptions, value: unknown, text: string, io: CliIo): void {
  io.stdout.write(options.json === true ? `${JSON.stringify(value)}\n` : `${printable(text)}\n`);
}
