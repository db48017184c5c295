// `fairlead call`: one tool, its progress, its result.
import type { CallToolResult, Client, Progress, Tool } from "@modelcontextprotocol/client";
import { convertArguments, type JsonObject, parseJsonArguments } from "../arguments.ts";
import { withClient } from "../connection.ts";
import { authorization } from "../credentials.ts";
import { CliError } from "../errors.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { printable, styleFor } from "../format/style.ts";
import { formatToolResult } from "../format/tool-result.ts";
import type { CliIo } from "../io.ts";
import { nearestNames } from "../nearest-names.ts";
import { resolveTarget } from "../target.ts";
import { isNetworkFailure, lostDuringCall } from "../unreachable.ts";

export interface CallOptions {
  readonly url: string;
  readonly key?: string;
  readonly arg: readonly string[];
  /** `true`: print JSON; a text: the arguments as a JSON object, and print JSON. */
  readonly json?: boolean | string;
}

/** The longest delay that a timer takes: how long a call may last is the gateway's business. */
const noTimeoutMs = 2 ** 31 - 1;

export async function callTool(name: string, options: CallOptions, io: CliIo): Promise<ExitCode> {
  const base = typeof options.json === "string" ? parseJsonArguments(options.json) : {};
  const target = resolveTarget(options.url).mcp;
  const signal = io.interrupt();
  const headers = await authorization(options, io);
  const result = await withClient(
    target,
    signal,
    async ({ client, lost }) => {
      const tool = await findTool(client, name, signal);
      const args = convertArguments(tool.inputSchema, options.arg, base);
      const call = invoke(client, tool, args, signal, io);
      return await Promise.race([call, rejection(lost)]).catch((error: unknown) => {
        const broken = error === lost.reason || isNetworkFailure(error);
        throw broken && !signal.aborted ? lostDuringCall(target, error) : error;
      });
    },
    { headers },
  );
  if (options.json !== undefined) io.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  else printForPeople(result, io);
  return result.isError === true ? exitCodes.toolError : exitCodes.ok;
}

async function findTool(client: Client, name: string, signal: AbortSignal): Promise<Tool> {
  const { tools } = await client.listTools(undefined, { signal });
  const tool = tools.find((candidate) => candidate.name === name);
  if (tool !== undefined) return tool;
  const near = nearestNames(
    name,
    tools.map((candidate) => candidate.name),
  );
  throw new CliError("UNKNOWN_TOOL", `the gateway serves no tool "${name}"`, {
    fix:
      near.length === 0
        ? '"fairlead tools" lists what it serves'
        : `did you mean ${near.join(" or ")}? "fairlead tools" lists all ${tools.length}`,
  });
}

async function invoke(
  client: Client,
  toolDefinition: Tool,
  args: JsonObject,
  signal: AbortSignal,
  io: CliIo,
): Promise<CallToolResult> {
  const progress = io.stderr.isTTY ? progressLine(io) : undefined;
  try {
    return await client.callTool(
      { name: toolDefinition.name, arguments: args },
      {
        signal,
        toolDefinition,
        timeout: noTimeoutMs,
        ...(progress === undefined ? {} : { onprogress: progress.show }),
      },
    );
  } finally {
    progress?.clear();
  }
}

interface ProgressLine {
  readonly show: (progress: Progress) => void;
  readonly clear: () => void;
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

/** One line on stderr that is written over at each notification and gone before the result. */
function progressLine(io: CliIo): ProgressLine {
  let shown = false;
  return {
    show({ progress, total, message }) {
      const amount = total === undefined ? String(progress) : `${progress}/${total}`;
      const text = `${amount} ${printable(message ?? "").replace(/\s+/g, " ")}`.trimEnd();
      io.stderr.write(`\r\u001b[K${text.slice(0, io.stderr.columns - 1)}`);
      shown = true;
    },
    clear() {
      if (shown) io.stderr.write("\r\u001b[K");
    },
  };
}

function printForPeople(result: CallToolResult, io: CliIo): void {
  const text = formatToolResult(result, io.stdout.isTTY);
  if (text !== "") io.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
  if (result.isError !== true) return;
  const style = styleFor(io.stderr, io.env);
  io.stderr.write(
    `${style("red", "error")}: the tool reported an error, see its output\nnext: correct the arguments; "fairlead tools" shows what the tool takes\n`,
  );
}
