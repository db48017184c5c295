// The list of tools for people.
import type { Tool } from "@modelcontextprotocol/client";
import { describeArguments } from "../arguments.ts";
import type { CliOutput } from "../io.ts";
import { printable, type Style } from "./style.ts";
import { cut, formatTable } from "./table.ts";

/** Some tools take ten arguments; the description must not move out of sight for them. */
const maxArgumentsWidth = 60;

export function formatTools(tools: readonly Tool[], output: CliOutput, style: Style): string {
  const rows = tools.map((tool) => [
    style("bold", printable(tool.name)),
    cut(printable(describeArguments(tool.inputSchema)), maxArgumentsWidth) || "-",
    printable(tool.description ?? tool.title ?? "").replace(/\s+/g, " "),
  ]);
  const table = formatTable(["TOOL", "ARGUMENTS", "DESCRIPTION"], rows, {
    ...(output.isTTY ? { maxWidth: output.columns } : {}),
  });
  return `${table}\n\n${tools.length} ${tools.length === 1 ? "tool" : "tools"}; * is required. Call one with: fairlead call <tool> --arg name=value`;
}
