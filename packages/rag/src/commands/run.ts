// `fairlead rag …`: the commands, their help, and how their failures are told.
import { RagError } from "../errors.ts";
import { libraryFlagsHelp } from "../options.ts";
import { exportCommand, importCommand, optimizeCommand, reembedCommand, statusCommand } from "./care.ts";
import { evalCommand } from "./eval.ts";
import { ingestCommand, syncCommand } from "./fill.ts";
import { graphCommand, searchCommand } from "./find.ts";
import type { CommandIo } from "./io.ts";

/** Arguments without the command's name; resolves to the exit code. */
type Command = (args: readonly string[], io: CommandIo) => Promise<number>;

const COMMANDS: Readonly<Record<string, Command>> = {
  ingest: ingestCommand,
  sync: syncCommand,
  search: searchCommand,
  graph: graphCommand,
  status: statusCommand,
  reembed: reembedCommand,
  optimize: optimizeCommand,
  export: exportCommand,
  import: importCommand,
  eval: evalCommand,
};

const HELP = `Usage: fairlead rag <command> [options]

A library of documents, searched by words and by meaning. The same file serves fairlead-rag, the MCP server.

  ingest <file>...      add files (Markdown, text, HTML, PDF, DOCX, code); "-" reads text from stdin
                        --collection <name>
  sync <folder>         mirror a folder: new, changed, renamed and deleted files
                        --watch, --include <glob>, --exclude <glob>, --collection <name>
  search <query>        --mode hybrid|vector|lexical, --limit <n>, --threshold <0-1>, --collection <name>
  graph [<words>]       follow relations: --entity <name>, --depth <0-3>, --direction out|in|both, --limit <n>
  status                what there is, and how it would be searched
  reembed               give every chunk a vector of --embed-model; resumes where it was broken off
  optimize              put the indexes in order after much was added; on Postgres also adds the index of pg_textsearch
  export <file>         everything, vectors included, as lines of JSON; "-" is stdout
  import <file>         adds an export to the store; "-" is stdin
  eval                  MAP, nDCG@10 and R@100 on a test collection: --data <folder> (FAIRLEAD_RAG_EVAL_DATA),
                        --mode, --depth <n>, --min-map <0-1>, --min-ndcg <0-1>; without --store in a temporary file

Options of all commands:
  --json                    the result as JSON
${libraryFlagsHelp}

Exit codes: 0 ok, 1 failed, 2 wrong usage, 130 interrupted

Examples:
  fairlead rag sync docs
  fairlead rag search "how is a breaker configured?"
  fairlead rag eval --data ./cranfield
`;

const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** Runs one command line without `fairlead rag` in front, and resolves to its exit code. */
export async function runRagCommand(argv: readonly string[], io: CommandIo): Promise<number> {
  const [name = "", ...args] = argv;
  if (name === "" || name === "--help" || name === "-h" || args.includes("--help") || args.includes("-h")) {
    (name === "" ? io.stderr : io.stdout).write(HELP);
    return name === "" ? EXIT.usage : EXIT.ok;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) return failed(io, EXIT.usage, "USAGE", `there is no command "${name}"`);
  const signal = io.interrupt();
  try {
    return await command(args, io);
  } catch (error) {
    if (signal.aborted) return EXIT.interrupted;
    if (error instanceof RagError)
      return failed(io, error.code === "INVALID_INPUT" ? EXIT.usage : EXIT.failed, error.code, error.message);
    if (
      error instanceof TypeError &&
      String((error as NodeJS.ErrnoException).code).startsWith("ERR_PARSE_ARGS")
    )
      return failed(io, EXIT.usage, "USAGE", error.message);
    throw error;
  }
}

function failed(io: CommandIo, exitCode: number, code: string, message: string): number {
  const next = exitCode === EXIT.usage ? `\nnext: "fairlead rag --help" shows how it is used` : "";
  io.stderr.write(`error: ${code}: ${message}${next}\n`);
  return exitCode;
}
