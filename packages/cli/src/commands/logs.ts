// `fairlead logs`: what happened at a running gateway, and what happens from now on.
import type { Command } from "commander";
import { adminRequest, apiUrl, refusal } from "../admin-client.ts";
import { authorization } from "../credentials.ts";
import { CliError } from "../errors.ts";
import { exitCodes } from "../exit-codes.ts";
import { printable } from "../format/style.ts";
import type { CliIo } from "../io.ts";
import { unreachable } from "../unreachable.ts";
import { type CommandContext, type RemoteOptions, remote } from "./context.ts";

interface EventReport {
  readonly sequence: number;
  readonly at: string;
  readonly type: string;
  readonly [fact: string]: unknown;
}

interface LogsOptions extends RemoteOptions {
  readonly follow?: boolean;
  readonly lines: string;
}

export function describeLogs(program: Command, context: CommandContext): void {
  const { io, done } = context;
  remote(
    program
      .command("logs")
      .description(
        "Show what happened at a running gateway: states of servers, failovers, reloads, changes by operators.",
      ),
    context,
  )
    .option("-n, --lines <n>", "how many to begin with", "50")
    .option("-f, --follow", "go on with what happens from now on, until Ctrl-C")
    .action(async (options: LogsOptions) => {
      await showLogs(options, io);
      done(exitCodes.ok);
    });
}

async function showLogs(options: LogsOptions, io: CliIo): Promise<void> {
  const lines = Number(options.lines);
  if (!Number.isInteger(lines) || lines < 1 || lines > 500)
    throw new CliError("USAGE", `--lines must be from 1 to 500, got "${options.lines}"`, {
      fix: "write --lines 50",
    });
  const { events } = await adminRequest<{ events: readonly EventReport[] }>(
    options,
    { path: `/events/recent?limit=${lines}`, doing: "asking the gateway" },
    io,
  );
  for (const event of events) write(event, options, io);
  if (options.follow === true) await follow(events.at(-1)?.sequence ?? 0, options, io);
}

async function follow(after: number, options: LogsOptions, io: CliIo): Promise<void> {
  const signal = io.interrupt();
  const url = apiUrl(options.url, "/events");
  let response: Response;
  try {
    response = await fetch(url, {
      headers: { ...(await authorization(options, io)), "last-event-id": String(after) },
      signal,
    });
  } catch (cause) {
    if (signal.aborted) return;
    throw unreachable(url, cause);
  }
  if (!response.ok || response.body === null) throw refusal(response.status, undefined, url);
  let rest = "";
  try {
    for await (const chunk of response.body) {
      rest += Buffer.from(chunk).toString("utf8");
      const blocks = rest.split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const data = /^data: (.*)$/m.exec(block)?.[1];
        if (data !== undefined) write(JSON.parse(data) as EventReport, options, io);
      }
    }
  } catch (cause) {
    if (signal.aborted) return;
    throw new CliError("GATEWAY_UNREACHABLE", "the gateway ended the stream", { cause, fix: "run it again" });
  }
}

function write(event: EventReport, options: LogsOptions, io: CliIo): void {
  if (options.json === true) {
    io.stdout.write(`${JSON.stringify(event)}\n`);
    return;
  }
  const { sequence: _, at, type, ...facts } = event;
  const text = Object.entries(facts)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
  io.stdout.write(`${at} ${printable(type)} ${printable(text).replaceAll("\n", " ")}\n`);
}
