// The command line: commander describes and parses it, the commands do the work, and every failure ends here as
// a message with its next step and an exit code.
import { Command, CommanderError, type Option } from "commander";
import { callTool } from "./commands/call.ts";
import { describeClients } from "./commands/clients.ts";
import { describeCompletion } from "./commands/completion.ts";
import { describeConfig } from "./commands/config.ts";
import { describeConnect } from "./commands/connect.ts";
import type { CommandContext } from "./commands/context.ts";
import { describeDashboard } from "./commands/dashboard.ts";
import { describeDoctor } from "./commands/doctor.ts";
import { describeLogs } from "./commands/logs.ts";
import { runRag } from "./commands/rag.ts";
import { describeResources } from "./commands/resources.ts";
import { serve } from "./commands/serve.ts";
import { describeServers } from "./commands/servers.ts";
import { showStatus } from "./commands/status.ts";
import { listTools } from "./commands/tools.ts";
import { describeTop } from "./commands/top.ts";
import { describeVerify } from "./commands/verify.ts";
import { CliError } from "./errors.ts";
import { exitCodeHelp, exitCodes } from "./exit-codes.ts";
import { printable, styleFor } from "./format/style.ts";
import { type CliIo, processIo } from "./io.ts";
import { version } from "./version.ts";

const defaultUrl = "http://127.0.0.1:3005";

/**
 * Runs one command line, without the program's name in front, and resolves to its exit code.
 *
 * @example
 * const exitCode = await run(["tools", "--url", "http://127.0.0.1:3005"]);
 */
export async function run(argv: readonly string[], io: CliIo = processIo()): Promise<number> {
  const json = argv.some((argument) => argument === "--json" || argument.startsWith("--json="));
  let exitCode: number = exitCodes.ok;
  const program = describe(io, (code) => {
    exitCode = code;
  });
  let usageText = "";
  configure(program, io, (text) => {
    usageText += text;
  });
  try {
    if (argv.length === 0) program.help({ error: true });
    await program.parseAsync([...argv], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok;
    const failure = error instanceof CommanderError ? usageError(error, usageText, program, argv) : error;
    report(failure, json, io);
    return failure instanceof CliError ? failure.exitCode : exitCodes.protocol;
  }
}

function describe(io: CliIo, done: (exitCode: number) => void): Command {
  const program = new Command("fairlead")
    .description("One endpoint in front of many MCP servers.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
Examples:
  fairlead serve --config fairlead.config.yaml
  fairlead tools
  fairlead call everything__echo --arg message=hello
  fairlead status --watch

Environment:
  FAIRLEAD_URL  the gateway's address when --url is not given
  FAIRLEAD_KEY  the key when --key is not given
  NO_COLOR      no colours when set to anything

${exitCodeHelp}`,
    );

  program
    .command("serve")
    .description("Run the gateway in the foreground, until SIGINT or SIGTERM.")
    .option("--config <file>", "configuration (default: fairlead.config.yaml)")
    .option("--port <number>", "port to listen on, 0 for any free one (default: server.port, 3005)")
    .option("--host <address>", "loopback address to listen on (default: server.host, 127.0.0.1)")
    .option("--stdio", "serve one client on stdin and stdout instead of HTTP")
    .option("--attach <url>", "with --stdio: at this gateway, which runs already, instead of starting one")
    .addOption(keyOption(program))
    .addHelpText(
      "after",
      `
Examples:
  fairlead serve
  fairlead serve --config team.yaml --port 3010
  fairlead serve --stdio --config /home/me/team.yaml     # what an MCP client starts by itself

Exit codes: 0 ended in order, 1 could not run, 2 wrong configuration or options`,
    )
    .action(async (options) => done(await serve(options, io)));

  program
    .command("tools")
    .description("List the tools that a running gateway serves.")
    .addOption(urlOption(program, io))
    .addOption(keyOption(program))
    .option("--json", "print JSON: { tools: [...] } as in MCP's tools/list")
    .addHelpText(
      "after",
      `
Examples:
  fairlead tools
  fairlead tools --url http://127.0.0.1:3005/mcp/everything   # one pool, with original names
  fairlead tools --json | jq -r '.tools[].name'`,
    )
    .action(async (options) => done(await listTools(options, io)));

  program
    .command("call")
    .description("Call a tool and print its result. Ctrl-C cancels the call.")
    .argument("<tool>", 'name of the tool, as "fairlead tools" prints it')
    .addOption(urlOption(program, io))
    .addOption(keyOption(program))
    .option(
      "--arg <name=value>",
      "an argument, converted by the tool's input schema; arrays and objects are written as JSON; repeatable",
      (pair: string, before: readonly string[]) => [...before, pair],
      [],
    )
    .option("--json [arguments]", "print the result as JSON; with a value: the arguments as one JSON object")
    .addHelpText(
      "after",
      `
Examples:
  fairlead call everything__echo --arg message=hello
  fairlead call everything__get-sum --arg a=2 --arg b=3
  fairlead call files__list_directory --json '{"path":"docs"}'
  fairlead call everything__get-sum --arg a=2 --arg b=3 --json | jq -r '.content[0].text'`,
    )
    .action(async (tool, options) => done(await callTool(tool, options, io)));

  program
    .command("status")
    .description("Show the state of a running gateway: pools, replicas, problems and what to do about them.")
    .addOption(urlOption(program, io))
    .addOption(keyOption(program))
    .option("--watch", "redraw every second; into a pipe, print one line per change")
    .option("--json", "print JSON as the gateway sent it; with --watch one line per change")
    .addHelpText(
      "after",
      `
Examples:
  fairlead status
  fairlead status --watch
  fairlead status --json | jq '.pools[].replicas[] | select(.status != "ready")'`,
    )
    .action(async (options) => done(await showStatus(options, io)));

  const context: CommandContext = { io, done, urlOption: () => urlOption(program, io) };
  describeResources(program, context);
  describeServers(program, context);
  describeClients(program, context);
  describeConfig(program, context);
  describeConnect(program, context);
  describeVerify(program, context);
  describeDoctor(program, context);
  describeTop(program, context);
  describeDashboard(program, context);
  describeLogs(program, context);
  describeCompletion(program, context);
  program
    .command("rag")
    .description(
      "A library of documents for search by words and meaning: ingest, sync, search, graph, eval, ...",
    )
    .argument("[arguments...]", 'see "fairlead rag --help"')
    // Its own command line reads what follows, --help included.
    .allowUnknownOption()
    .helpOption(false)
    .action(async (args: readonly string[]) => done(await runRag(args, io)));

  return program;
}

function urlOption(program: Command, io: CliIo): Option {
  return program
    .createOption("--url <url>", "address of the gateway, or of any MCP endpoint (env: FAIRLEAD_URL)")
    .default(io.env["FAIRLEAD_URL"] ?? defaultUrl);
}

function keyOption(program: Command): Option {
  return program.createOption("--key <key>", "key, or the operators' token (env: FAIRLEAD_KEY)");
}

function configure(program: Command, io: CliIo, keepError: (text: string) => void): void {
  for (const command of allOf(program))
    command.exitOverride().configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: keepError,
      getOutHelpWidth: () => (io.stdout.isTTY ? io.stdout.columns : 100),
      getErrHelpWidth: () => (io.stderr.isTTY ? io.stderr.columns : 100),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
}

function allOf(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(allOf)];
}

function usageError(
  error: CommanderError,
  usageText: string,
  program: Command,
  argv: readonly string[],
): CliError {
  let command = program;
  for (const argument of argv)
    command = command.commands.find((child) => child.name() === argument) ?? command;
  const names: string[] = [];
  for (let at: Command | null = command; at !== null; at = at.parent) names.unshift(at.name());
  const help = names.join(" ");
  const message = error.code === "commander.help" ? "no command given" : usageText || error.message;
  return new CliError("USAGE", message.replace(/^error: /, "").trim(), {
    cause: error,
    fix: `"${help} --help" shows how it is used`,
  });
}

function report(error: unknown, json: boolean, io: CliIo): void {
  const { code, message, fix, details, exitCode } =
    error instanceof CliError
      ? error
      : {
          code: "UNEXPECTED",
          message: error instanceof Error ? error.message : String(error),
          fix: "this is a defect of fairlead; please report it with the command that you ran",
          details: undefined,
          exitCode: exitCodes.protocol,
        };
  if (json) {
    io.stderr.write(`${JSON.stringify({ error: { code, message, fix, ...details }, exitCode })}\n`);
    return;
  }
  const style = styleFor(io.stderr, io.env);
  io.stderr.write(`${style("red", "error")}: ${printable(message)}\nnext: ${printable(fix)}\n`);
}
