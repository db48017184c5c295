// `fairlead top`: a live view of the gateway: states, breakers, rates and latencies, once a second.
import type { Command } from "commander";
import { apiUrl } from "../admin-client.ts";
import { authorization } from "../credentials.ts";
import { CliError } from "../errors.ts";
import { exitCodes } from "../exit-codes.ts";
import { fetchStatusWithSource } from "../fetch-status.ts";
import { styleFor } from "../format/style.ts";
import { formatTop, type TopSample } from "../format/top.ts";
import type { CliIo } from "../io.ts";
import { parseMetrics } from "../metrics-text.ts";
import { type CommandContext, type RemoteOptions, remote } from "./context.ts";

const INTERVAL_MS = 1_000;
const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";

interface TopOptions extends RemoteOptions {
  readonly once?: boolean;
}

export function describeTop(program: Command, context: CommandContext): void {
  const { io, done } = context;
  remote(
    program
      .command("top")
      .description("Watch a running gateway live: states, breakers, rates and latencies. Ctrl-C ends it."),
    context,
  )
    .option("--once", "look twice, one second apart, print that and end")
    .action(async (options: TopOptions) => {
      await top(options, io);
      done(exitCodes.ok);
    });
}

async function top(options: TopOptions, io: CliIo): Promise<void> {
  const signal = io.interrupt();
  const isLive = io.stdout.isTTY && options.once !== true && options.json !== true;
  let before = await sample(options, io, signal);
  if (isLive) io.stdout.write(ENTER);
  try {
    for (;;) {
      await io.sleep(INTERVAL_MS, signal);
      const now = await sample(options, io, signal);
      const text =
        options.json === true
          ? JSON.stringify({ at: new Date().toISOString(), status: now.report })
          : formatTop(
              before,
              now,
              styleFor(io.stdout, io.env),
              io.stdout.isTTY ? io.stdout.columns : undefined,
            );
      io.stdout.write(
        isLive ? `\u001b[H${text.replaceAll("\n", "\u001b[K\n")}\u001b[K\n\u001b[J` : `${text}\n`,
      );
      if (options.once === true) return;
      before = now;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    if (isLive) io.stdout.write(LEAVE);
  }
}

async function sample(options: TopOptions, io: CliIo, signal: AbortSignal): Promise<TopSample> {
  const headers = await authorization(options, io);
  const { report } = await fetchStatusWithSource(options.url, { signal, headers });
  const url = apiUrl(options.url, "");
  url.pathname = url.pathname.replace(/\/api$/, "/metrics");
  const response = await fetch(url, { headers, signal });
  if (!response.ok)
    throw new CliError("PROTOCOL_ERROR", `${url.href} answered HTTP ${response.status}`, {
      fix: "rates and latencies come from the metrics: set metrics.enabled in the gateway's configuration",
      details: { status: response.status },
    });
  return { at: performance.now(), report, metrics: parseMetrics(await response.text()) };
}
