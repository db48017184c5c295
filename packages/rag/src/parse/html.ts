// HTML to Markdown, so that headings, lists, tables and code keep their form. What surrounds the content is left out.
import type TurndownService from "turndown";

const SURROUNDINGS: ReadonlySet<string> = new Set(
  "script style noscript template nav footer aside iframe svg form head".split(" "),
);

let converter: Promise<TurndownService> | undefined;

export async function htmlToMarkdown(
  html: string,
): Promise<{ readonly markdown: string; readonly title: string }> {
  converter ??= createConverter();
  const title = /<title[^>]*>([\s\S]*?)<\/title>/i.exec(html)?.[1] ?? "";
  const main = /<(main|article)\b[^>]*>[\s\S]*<\/\1>/i.exec(html)?.[0];
  const turndown = await converter;
  return {
    markdown: turndown.turndown(main ?? html),
    title: turndown.turndown(title).replace(/\\/g, "").replace(/\s+/g, " ").trim(),
  };
}

async function createConverter(): Promise<TurndownService> {
  const { default: Turndown } = await import("turndown");
  const turndown = new Turndown({ headingStyle: "atx", codeBlockStyle: "fenced", bulletListMarker: "-" });
  turndown.remove((node) => SURROUNDINGS.has(node.nodeName.toLowerCase()));
  turndown.addRule("cell", {
    filter: ["td", "th"],
    replacement: (content) => ` ${content.replace(/\s+/g, " ").replaceAll("|", "\\|").trim()} |`,
  });
  turndown.addRule("row", {
    filter: "tr",
    replacement(content, node) {
      const row = node as unknown as TableRow;
      const isFirst = row.parentNode?.firstChild === node && isFirstPart(row);
      const cells = [...row.childNodes].filter(({ nodeName }) => /^t[dh]$/i.test(nodeName)).length;
      return `|${content}\n${isFirst ? `|${" --- |".repeat(cells)}\n` : ""}`;
    },
  });
  turndown.addRule("table", {
    filter: "table",
    replacement: (content) => `\n\n${content.replace(/\n+/g, "\n").trim()}\n\n`,
  });
  return turndown;
}

interface TableRow {
  readonly parentNode: (TableRow & { readonly firstChild: unknown }) | null;
  readonly previousSibling: TableRow | null;
  readonly childNodes: Iterable<{ readonly nodeName: string }>;
  readonly nodeName: string;
}

/** Whether no rows stand before this row's part of the table. */
function isFirstPart({ parentNode }: TableRow): boolean {
  if (parentNode === null || /^table$/i.test(parentNode.nodeName)) return true;
  for (let before = parentNode.previousSibling; before !== null; before = before.previousSibling)
    if (/^t(head|body)$/i.test(before.nodeName)) return false;
  return true;
}
