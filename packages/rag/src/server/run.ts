// `fairlead-rag`: opens the library, keeps folders in step, and serves until its client goes or it is told to end.
import { parseArgs } from "node:util";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { RagError } from "../errors.ts";
import type { Library } from "../library/library.ts";
import { libraryFlags, libraryFlagsHelp, openLibrary } from "../options.ts";
import { version } from "../version.ts";
import { keepFolders } from "./folders.ts";
import { serveHttp } from "./http.ts";
import { createRagServer } from "./server.ts";
import type { ServerLibrary } from "./server-library.ts";

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
    const folders = keepFolders(library, flags.sync === true || flags.watch === true ? roots : [], {
      ...{ include, exclude, collection, watch: flags.watch === true },
    });
    const served: ServerLibrary = { library, roots, folders: folders.states };
    const ended = await (flags.http === true
      ? serveOverHttp(
          served,
          flags.port ?? env["PORT"] ?? "3100",
          flags.host ?? "127.0.0.1",
          env["FAIRLEAD_RAG_TOKEN"],
        )
      : serveOverStdio(served));
    await folders.close();
    await ended();
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

/** Resolves when it is time to end, to what ends the front. */
async function serveOverHttp(
  library: ServerLibrary,
  where: string,
  host: string,
  token: string | undefined,
): Promise<() => Promise<void>> {
  // Before anybody can know that it runs, and so before anybody ends it.
  const end = ending();
  const port = Number(where);
  const isPort = Number.isInteger(port) && port >= 0 && port <= 65_535;
  const front = await serveHttp(library, { listen: isPort ? { host, port } : { path: where }, token });
  process.stderr.write(`fairlead-rag: listening on ${front.address}\n`);
  await end;
  return () => front.close();
}

async function serveOverStdio(library: ServerLibrary): Promise<() => Promise<void>> {
  const end = ending();
  const handle = serveStdio(() => createRagServer(library));
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
