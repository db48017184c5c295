// A tool's result for people: texts as they are, everything else named.
import type { CallToolResult } from "@modelcontextprotocol/client";
import { printable } from "./style.ts";

type Content = CallToolResult["content"][number];

/** `onTerminal` takes control characters out; into a file or pipe the text goes unchanged. */
export function formatToolResult(result: CallToolResult, onTerminal: boolean): string {
  const blocks = result.content.map(formatContent);
  if (blocks.length === 0 && result.structuredContent !== undefined)
    blocks.push(JSON.stringify(result.structuredContent, null, 2));
  const text = blocks.join("\n");
  return onTerminal ? printable(text) : text;
}

function formatContent(content: Content): string {
  switch (content.type) {
    case "text":
      return content.text;
    case "image":
    case "audio":
      return `[${content.type} ${content.mimeType}, ${base64Bytes(content.data)} bytes; --json shows the data]`;
    case "resource_link":
      return `[resource link ${content.name}: ${content.uri}]`;
    case "resource":
      return "text" in content.resource
        ? content.resource.text
        : `[resource ${content.resource.uri}, ${base64Bytes(content.resource.blob)} bytes; --json shows the data]`;
  }
}

function base64Bytes(data: string): number {
  return Buffer.byteLength(data, "base64");
}
