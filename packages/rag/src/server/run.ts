// `fairlead-rag`: opens the library, keeps folders in step, and serves until its client goes or it is told to end.
import { parseArgs } from "node:util";
import { RagError } from "../errors.ts";
import type { Library } from "../library/library.ts";
import { type LibraryFlagValues, libraryFlags, libraryFlagsHelp, openLibrary } from "../options.ts";
import { version } from "../version.ts";
import { serveHttp } from "./http.ts";
import { createRequestThread, type RequestThread } from "./request-thread.ts";
import type { ServerLibrary } from "./server-library.ts";
import { serveStdioOnTwoThreads } from "./stdio.ts";

const HELP = `Usage: fairlead-rag [options]

A RAG server for MCP clients, on stdin and stdout. Works without an embedding model: it then searches by words.

  --root <folder>           files may be ingested from here; repeatable
  --sync                    ingest the roots at the start, and what has changed since
  --watch                   and stay in step with them (implies --sync)
  --include <glob>          of the roots, only such files; repeatable
  --exclude <glob>          not such files and folders; repeatable
  --collection <name>       collection for synced files, default "default"
  --http                    serve Streamable HTTP on /mcp instead
  --port <number|path>      port, 0 for any, or path of a Unix socket  PORT, default 3100
  --host <address>          default 127.0.0.1; others need FAIRLEAD_RAG_TOKEN
${libraryFlagsHelp}
  --version, --help

Examples:
  fairlead-rag --root docs --watch
  fairlead-rag --root . --include '**/*.md' --sync --http --port 3100
  fairlead-rag --store postgres://localhost/rag --embed-url http://localhost:1234/v1 --embed-model text-embedding-nomic-embed-text-v1.5
`;

/** Resolves to the exit code. */
export async function runServer(
  argv: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<number> {
  let library: Library | undefined;
  try {
    const flags = parseFlags(argv);
    if (flags.help === true) return print(HELP);
    if (flags.version === true) return print(`${version}\n`);
    library = await openLibrary(flags, env);
    const { root: roots = [], include, exclude, collection } = flags;
    const thread = createRequestThread({
      ...{ flags: libraryFlagsOf(flags), env: environmentOf(env), roots },
      kept: flags.sync === true || flags.watch === true ? roots : [],
      keep: { include, exclude, collection, watch: flags.watch === true },
    });
    const served: ServerLibrary = { library, roots, folders: thread.folders };
    const ended = await (flags.http === true
      ? serveOverHttp(
          served,
          flags.port ?? env["PORT"] ?? "3100",
          flags.host ?? "127.0.0.1",
          env["FAIRLEAD_RAG_TOKEN"],
          thread,
        )
      : serveOverStdio(served, thread));
    await Promise.all([ended(), thread.close()]);
    return 0;
  } catch (error) {
    if (error instanceof RagError) {
      process.stderr.write(`fairlead-rag: ${error.code}: ${error.message}\n`);
      return error.code === "INVALID_INPUT" ? 2 : 1;
    }
    if (!isUsageError(error)) throw error;
    process.stderr.write(`fairlead-rag: ${error.message}\nTry: fairlead-rag --help\n`);
    return 2;
  } finally {
    await library?.close().catch(() => {});
  }
}

function parseFlags(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    options: {
      ...libraryFlags,
      root: { type: "string", multiple: true },
      sync: { type: "boolean" },
      watch: { type: "boolean" },
      include: { type: "string", multiple: true },
      exclude: { type: "string", multiple: true },
      collection: { type: "string" },
      http: { type: "boolean" },
      port: { type: "string" },
      host: { type: "string" },
      help: { type: "boolean" },
      version: { type: "boolean" },
    },
  }).values;
}

/** Those that a thread can be given: without accessors, and without what is none of the library's. */
function libraryFlagsOf(flags: LibraryFlagValues): LibraryFlagValues {
  return Object.fromEntries(
    Object.keys(libraryFlags).map((name) => [name, flags[name as keyof LibraryFlagValues]]),
  );
}

function environmentOf(env: NodeJS.ProcessEnv): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith("FAIRLEAD_RAG_")));
}

/** Resolves when it is time to end, to what ends the front. */
async function serveOverHttp(
  library: ServerLibrary,
  where: string,
  host: string,
  token: string | undefined,
  thread: RequestThread,
): Promise<() => Promise<void>> {
  // Before anybody can know that it runs, and so before anybody ends it.
  const end = ending();
  const port = Number(where);
  const isPort = Number.isInteger(port) && port >= 0 && port <= 65_535;
  const listen = isPort ? { host, port } : { path: where };
  const front = await serveHttp(library, { listen, token, thread });
  process.stderr.write(`fairlead-rag: listening on ${front.address}\n`);
  await end;
  return () => front.close();
}

async function serveOverStdio(library: ServerLibrary, thread: RequestThread): Promise<() => Promise<void>> {
  const end = ending();
  const handle = serveStdioOnTwoThreads(library, thread, process.stdin, process.stdout);
  await Promise.race([
    end,
    new Promise((resolve) => process.stdin.once("end", resolve).once("close", resolve)),
  ]);
  return () => handle.close();
}

function ending(): Promise<unknown> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, resolve);
  });
}

function isUsageError(error: unknown): error is Error {
  return (
    error instanceof TypeError && String((error as NodeJS.ErrnoException).code).startsWith("ERR_PARSE_ARGS")
  );
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}
