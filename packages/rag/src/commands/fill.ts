// Commands that fill the library.
import { realpath } from "node:fs/promises";
import { text as readAll } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { RagError } from "../errors.ts";
import { libraryFlags, openLibrary } from "../options.ts";
import { readDocumentFile } from "../sync/read-file.ts";
import { type SyncResult, syncFolder } from "../sync/sync.ts";
import { watchFolder } from "../sync/watch.ts";
import { type CommandIo, progressLine } from "./io.ts";

export async function ingestCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { ...libraryFlags, collection: { type: "string" }, json: { type: "boolean" } },
  });
  if (positionals.length === 0)
    throw new RagError("INVALID_INPUT", 'name the files to ingest, or "-" for stdin');
  const { collection = "default" } = values;
  await using library = await openLibrary(values, io.env);
  const signal = io.interrupt();
  const onProgress = progressLine(io, "ingested");
  const results = [];
  for (const [at, path] of positionals.entries()) {
    const document =
      path === "-"
        ? { text: await readAll(process.stdin), collection }
        : (await readDocumentFile(library, await realpathOf(path), { collection })).document;
    results.push(...(await library.ingest([document], { signal })));
    onProgress(at + 1, positionals.length);
  }
  io.stdout.write(
    values.json === true
      ? `${JSON.stringify({ results }, null, 2)}\n`
      : results
          .map(
            ({ outcome, chunks, uri, notice }) =>
              `${outcome}  ${chunks} chunks  ${uri}${notice === undefined ? "" : `  (by words only: ${notice})`}\n`,
          )
          .join(""),
  );
  return 0;
}

export async function syncCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...libraryFlags,
      collection: { type: "string" },
      include: { type: "string", multiple: true },
      exclude: { type: "string", multiple: true },
      watch: { type: "boolean" },
      json: { type: "boolean" },
    },
  });
  const [root] = positionals;
  if (root === undefined || positionals.length > 1)
    throw new RagError("INVALID_INPUT", "name one folder to sync");
  const { collection, include, exclude } = values;
  await using library = await openLibrary(values, io.env);
  const signal = io.interrupt();
  const onProgress = progressLine(io, "files");
  const show = (result: SyncResult): void =>
    io.stdout.write(values.json === true ? `${JSON.stringify(result)}\n` : `${describeSync(result)}\n`);
  const options = { root, collection, include, exclude, onProgress };
  if (values.watch !== true) {
    const result = await syncFolder(library, { ...options, signal });
    show(result);
    return result.failed.length === 0 ? 0 : 1;
  }
  const watching = watchFolder(library, {
    ...options,
    onSync: show,
    onError: (error) => io.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`),
  });
  await watching.first;
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  await watching.close();
  return 0;
}

function describeSync({ files, failed, ...counts }: SyncResult): string {
  const parts = Object.entries(counts).filter(([, count]) => count > 0);
  const lines = failed.map(({ path, code, message }) => `not read: ${path}: ${code}: ${message}`);
  return [
    `${files} files: ${parts.map(([what, count]) => `${count} ${what}`).join(", ") || "none"}`,
    ...lines,
  ].join("\n");
}

function realpathOf(path: string): Promise<string> {
  return realpath(path).catch((cause: unknown) => {
    throw new RagError("FILE_UNREADABLE", `There is no file ${path}.`, { path }, { cause });
  });
}
