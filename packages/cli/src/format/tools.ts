// The list of tools for people.
import type { Tool } from "@modelcontextprotocol/client";
import { describeArguments } from "../arguments.ts";
import type { CliOutput } from "../io.ts";
import { printable, type Style } from "./style.ts";
import { formatTable } from "./table.ts";

export function formatTools(tools: readonly Tool[], output: CliOutput, style: Style): string {
  const rows = tools.map((tool) => [
    style("bold", printable(tool.name)),
    printable(describeArguments(tool.inputSchema)) || "-",
    printable(tool.description ?? tool.title ?? "").replace(/\s+/g, " "),
  ]);
  const table = formatTable(["TOOL", "ARGUMENTS", "DESCRIPTION"], rows, {
    ...(output.isTTY ? { maxWidth: output.columns } : {}),
  });
  return `${table}\n\n${tools.length} ${tools.length === 1 ? "tool" : "tools"}; * is required. Call one with: fairlead call <tool> --arg name=value`;
}
