// Commands that look after the library.
import { createReadStream, createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { RagError } from "../errors.ts";
import { exportLines, importLines } from "../library/transfer.ts";
import { libraryFlags, openLibrary } from "../options.ts";
import { type CommandIo, progressLine } from "./io.ts";

const options = { ...libraryFlags, json: { type: "boolean" }, check: { type: "boolean" } } as const;

export async function statusCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({ args: [...args], options });
  await using library = await openLibrary(values, io.env);
  const status = await library.status();
  const problems = values.check === true ? await library.store.check() : undefined;
  if (values.json === true) {
    io.stdout.write(
      `${JSON.stringify({ ...status, ...(problems === undefined ? {} : { problems }) }, null, 2)}\n`,
    );
  } else {
    const { store, space, embedder } = status;
    const engine = Object.entries(store.engine).map(([name, version]) => `${name} ${version}`);
    io.stdout.write(
      `${store.kind} ${store.location} (${engine.join(", ")})
${status.documents} documents, ${status.chunks} chunks, ${status.embedded} with vectors
${status.entities} entities, ${status.relations} relations
vectors: ${space === null ? "none" : `${space.model}, ${space.dimension} dimensions`}
embedder: ${embedder.state}${embedder.reason === undefined ? "" : ` (${embedder.reason})`}
searches are answered: ${status.mode === "hybrid" ? "by words and meaning" : "by words"}
${problems === undefined ? "" : `check: ${problems.length === 0 ? "no contradictions" : problems.join("; ")}\n`}`,
    );
  }
  return problems === undefined || problems.length === 0 ? 0 : 1;
}

export async function reembedCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({ args: [...args], options });
  await using library = await openLibrary(values, io.env);
  const result = await library.reembed({ signal: io.interrupt(), onProgress: progressLine(io, "embedded") });
  io.stdout.write(
    values.json === true
      ? `${JSON.stringify(result)}\n`
      : `${result.embedded} chunks embedded; the library is searched with ${result.model}, ${result.dimension} dimensions\n`,
  );
  return 0;
}

export async function optimizeCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({ args: [...args], options });
  await using library = await openLibrary(values, io.env);
  const done = await library.store.optimize();
  io.stdout.write(
    values.json === true ? `${JSON.stringify({ done })}\n` : done.map((what) => `${what}\n`).join(""),
  );
  return 0;
}

export async function exportCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  const file = onePath(positionals);
  await using library = await openLibrary(values, io.env);
  if (file === "-") for await (const line of exportLines(library.store)) io.stdout.write(`${line}\n`);
  else
    await pipeline(
      Readable.from(exportLines(library.store)),
      async function* (lines) {
        for await (const line of lines) yield `${String(line)}\n`;
      },
      createWriteStream(file),
      { signal: io.interrupt() },
    );
  return 0;
}

export async function importCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  const file = onePath(positionals);
  await using library = await openLibrary(values, io.env);
  const input = file === "-" ? process.stdin : createReadStream(file);
  // Errors of the stream do not come through readline.
  const broken = new Promise<never>((_, reject) =>
    input.once("error", (cause: Error) =>
      reject(new RagError("FILE_UNREADABLE", `${file} cannot be read.`, { path: file }, { cause })),
    ),
  );
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  const total = await Promise.race([broken, importLines(library.store, lines)]);
  io.stdout.write(
    values.json === true
      ? `${JSON.stringify(total)}\n`
      : `${total.documents} documents, ${total.chunks} chunks imported\n`,
  );
  return 0;
}

function onePath(positionals: readonly string[]): string {
  const [path] = positionals;
  if (path === undefined || positionals.length > 1)
    throw new RagError("INVALID_INPUT", 'name one file, or "-"');
  return path;
}
