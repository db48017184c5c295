// `fairlead status`: how the gateway and its upstreams are, once or continuously.
import { authorization } from "../credentials.ts";
import { CliError } from "../errors.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { fetchStatusWithSource } from "../fetch-status.ts";
import { formatStatus } from "../format/status.ts";
import { describeChanges } from "../format/status-changes.ts";
import { printable, styleFor } from "../format/style.ts";
import type { CliIo } from "../io.ts";
import type { StatusReport } from "../status-report.ts";

export interface StatusOptions {
  readonly url: string;
  readonly key?: string;
  readonly watch?: boolean;
  readonly json?: boolean;
}

const watchIntervalMs = 1_000;

export async function showStatus(options: StatusOptions, io: CliIo): Promise<ExitCode> {
  const { url, watch = false, json = false } = options;
  const signal = io.interrupt();
  if (watch) return await watchStatus(options, io, signal);
  const headers = await authorization(options, io);
  const { report, source } = await fetchStatusWithSource(url, { signal, headers }).catch((error: unknown) => {
    throw interruptedOr(error, signal);
  });
  io.stdout.write(`${json ? JSON.stringify(source, null, 2) : render(report, io)}\n`);
  return exitCodes.ok;
}

/** Redraws on a terminal; otherwise prints one line per change, as JSON the whole status at each change. */
async function watchStatus(options: StatusOptions, io: CliIo, signal: AbortSignal): Promise<ExitCode> {
  const { url, json = false } = options;
  const headers = await authorization(options, io);
  let before: StatusReport | undefined;
  let lost = false;
  for (;;) {
    try {
      const { report, source } = await fetchStatusWithSource(url, { signal, headers });
      const changes = describeChanges(before, report);
      if (json) {
        if (changes.length > 0) io.stdout.write(`${JSON.stringify(source)}\n`);
      } else if (io.stdout.isTTY) redraw(render(report, io), io);
      else writeLines([...(lost ? ["gateway reachable again"] : []), ...changes], io);
      before = report;
      lost = false;
    } catch (error) {
      // A gateway that was there may come back; one that never was is a wrong address.
      if (signal.aborted || before === undefined || !isUnreachable(error)) throw interruptedOr(error, signal);
      if (!lost && !json) announceLoss(error.message, io);
      lost = true;
    }
    await io.sleep(watchIntervalMs, signal).catch((error: unknown) => {
      throw interruptedOr(error, signal);
    });
  }
}

function render(report: StatusReport, io: CliIo): string {
  return formatStatus(report, { now: Date.now(), output: io.stdout, style: styleFor(io.stdout, io.env) });
}

function redraw(text: string, io: CliIo): void {
  // Home, then clear to the end: less flicker than clearing first.
  const lines = text.split("\n").map((line) => `${line}\u001b[K`);
  io.stdout.write(`\u001b[H${lines.join("\n")}\n\u001b[J`);
}

function writeLines(lines: readonly string[], io: CliIo): void {
  const time = new Date().toISOString();
  for (const line of lines) io.stdout.write(`${time} ${printable(line)}\n`);
}

function announceLoss(message: string, io: CliIo): void {
  if (io.stdout.isTTY) io.stdout.write(`\n${message}; trying again every second\n`);
  else writeLines([message], io);
}

function isUnreachable(error: unknown): error is CliError {
  return error instanceof CliError && error.code === "GATEWAY_UNREACHABLE";
}

function interruptedOr(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted
    ? new CliError("INTERRUPTED", "interrupted", { cause: error, fix: "run it again to go on watching" })
    : error;
}
