// Commands that find.
import { parseArgs } from "node:util";
import { RagError } from "../errors.ts";
import { libraryFlags, openLibrary } from "../options.ts";
import type { CommandIo } from "./io.ts";

const SHOWN_CHARS = 300;

export async function searchCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...libraryFlags,
      mode: { type: "string" },
      limit: { type: "string" },
      threshold: { type: "string" },
      collection: { type: "string" },
      json: { type: "boolean" },
    },
  });
  const { collection, json } = values;
  await using library = await openLibrary(values, io.env);
  const { hits, ...answer } = await library.search({
    query: positionals.join(" "),
    mode: oneOf("mode", values.mode, ["hybrid", "vector", "lexical"]),
    limit: numberOf(values.limit),
    threshold: numberOf(values.threshold),
    filter: { collection },
    signal: io.interrupt(),
  });
  if (json === true) {
    const results = hits.map(({ chunk: { key: _key, ...chunk }, ...hit }) => ({ ...hit, ...chunk }));
    io.stdout.write(`${JSON.stringify({ ...answer, results }, null, 2)}\n`);
    return 0;
  }
  for (const { rank, score, chunk } of hits)
    io.stdout.write(
      `${rank}. ${chunk.heading || chunk.document.title}  (${score.toFixed(3)})\n   ${chunk.document.uri}\n   ${shown(chunk.text)}\n\n`,
    );
  io.stdout.write(
    `${hits.length} hits, ${answer.mode}${answer.notices.map((notice) => `; ${notice}`).join("")}\n`,
  );
  return 0;
}

export async function graphCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...libraryFlags,
      entity: { type: "string", multiple: true },
      type: { type: "string", multiple: true },
      depth: { type: "string" },
      direction: { type: "string" },
      limit: { type: "string" },
      json: { type: "boolean" },
    },
  });
  await using library = await openLibrary(values, io.env);
  const { nodes, edges, chunks, truncated } = await library.graph({
    query: positionals.join(" "),
    entities: values.entity,
    relationTypes: values.type,
    depth: numberOf(values.depth),
    direction: oneOf("direction", values.direction, ["out", "in", "both"]),
    limit: numberOf(values.limit),
    signal: io.interrupt(),
  });
  if (values.json === true) {
    const results = chunks.map(({ chunk: { key: _key, ...chunk }, ...hit }) => ({ ...hit, ...chunk }));
    io.stdout.write(`${JSON.stringify({ nodes, edges, results, truncated }, null, 2)}\n`);
    return 0;
  }
  for (const { name, kind, hops, observations } of nodes)
    io.stdout.write(
      `${"  ".repeat(hops)}${name} (${kind})${observations.map((fact) => `\n${"  ".repeat(hops)}  - ${fact}`).join("")}\n`,
    );
  for (const { from, type, to } of edges) io.stdout.write(`${from} --${type}--> ${to}\n`);
  for (const { chunk } of chunks) io.stdout.write(`\n${chunk.document.uri}\n   ${shown(chunk.text)}\n`);
  io.stdout.write(
    `${nodes.length} entities, ${edges.length} relations, ${chunks.length} passages${truncated ? ", cut off at --limit" : ""}\n`,
  );
  return 0;
}

function shown(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > SHOWN_CHARS ? `${line.slice(0, SHOWN_CHARS)}…` : line;
}

export function numberOf(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

export function oneOf<T extends string>(
  flag: string,
  value: string | undefined,
  allowed: readonly T[],
): T | undefined {
  if (value === undefined) return undefined;
  const found = allowed.find((name) => name === value);
  if (found === undefined)
    throw new RagError("INVALID_INPUT", `--${flag} must be ${allowed.join(", ")}, got "${value}"`);
  return found;
}
