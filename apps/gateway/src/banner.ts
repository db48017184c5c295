// What a person sees when the gateway has started: one table, the endpoint, how to connect, and what is wrong.
import { styleText } from "node:util";
import type { MultiplexerStatus, UpstreamStatus } from "@fairlead/aggregator";

type Colour = Parameters<typeof styleText>[0];

/** Prints the start-up summary. `stream` decides about colours. */
export function printBanner(status: MultiplexerStatus, url: string, stream: NodeJS.WriteStream): string {
  const paint = (colour: Colour, text: string): string => styleText(colour, text, { stream });
  const rows = status.pools.flatMap((pool) =>
    pool.replicas.map((replica, at) => [
      at === 0 ? pool.namespace : "",
      replica.id,
      replica.transport,
      replica.era === null ? "-" : `${replica.era} ${replica.protocolVersion ?? ""}`,
      at === 0 ? String(pool.tools) : "",
      stateOf(replica),
    ]),
  );
  const table = align([["POOL", "REPLICA", "TRANSPORT", "ERA", "TOOLS", "STATE"], ...rows]);
  const lines = table.map((line, at) =>
    at === 0 ? paint("bold", line) : line.replace(/\bready$/, paint("green", "ready")),
  );
  const problems = status.problems.flatMap(({ message, fix }) => [
    paint("yellow", `! ${message}`),
    `  fix: ${fix}`,
  ]);
  const total = status.pools.reduce((sum, pool) => sum + pool.tools, 0);
  return [
    "",
    ...lines,
    ...(problems.length > 0 ? ["", ...problems] : []),
    "",
    `${paint("bold", "Endpoint")}  ${url}/mcp   (${total} tools; each pool alone at ${url}/mcp/<pool>)`,
    `${paint("bold", "State")}     ${url}/api/status`,
    `${paint("bold", "Connect")}   claude mcp add --transport http fairlead ${url}/mcp`,
    `          or in mcp.json: { "mcpServers": { "fairlead": { "url": "${url}/mcp" } } }`,
    "",
  ].join("\n");
}

function stateOf({ status, reason, nextTryAt }: UpstreamStatus): string {
  if (status === "ready") return status;
  const next = nextTryAt === null ? "" : `, next try ${nextTryAt.slice(11, 19)}Z`;
  return `${status}${next}${reason === null ? "" : ` (${shorten(reason)})`}`;
}

function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, " ");
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}

function align(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
