// The reference server as a process, and clients of both SDK lines and both eras that talk to it.
import { fileURLToPath } from "node:url";
import { type StartedProcess, startProcess } from "@fairlead/testbed";
import { Client as ModernClient, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport as ModernStdio } from "@modelcontextprotocol/client/stdio";
import { Client as LegacyClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as LegacyStdio } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport as LegacyHttp } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const mainPath: string = fileURLToPath(new URL("../src/main.ts", import.meta.url));

/** Arguments of Node for `fairlead-rag` with these arguments. */
const nodeArgs = (args: readonly string[]): string[] => ["--conditions=@fairlead/source", mainPath, ...args];

export interface HttpServer {
  readonly url: string;
  readonly process: StartedProcess;
}

export async function startRagServer(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<HttpServer> {
  const started = await startProcess({
    command: process.execPath,
    args: nodeArgs(["--http", "--port", "0", ...args]),
    env,
  });
  const [, url = ""] = await started.waitForLine(/listening on (.*)/, 30_000);
  return { url, process: started };
}

interface ToolCall {
  readonly structuredContent?: unknown;
  readonly content?: unknown;
  readonly isError?: unknown;
}

/** What the tests need of either client. */
export interface AnyClient {
  callTool(params: { name: string; arguments?: Record<string, unknown> }): Promise<ToolCall>;
  listTools(): Promise<{ tools: readonly Record<string, unknown>[] }>;
  listResources(): Promise<{ resources: readonly { uri: string; name: string }[] }>;
  readResource(params: { uri: string }): Promise<{ contents: readonly unknown[] }>;
  close(): Promise<void>;
}

const info = { name: "test", version: "1" };

export type Kind = "legacy stdio" | "modern stdio" | "legacy HTTP" | "modern HTTP";

/** `where` is the URL for HTTP, else the server's arguments. */
export async function connect(kind: Kind, where: string | readonly string[]): Promise<AnyClient> {
  const command = {
    command: process.execPath,
    args: typeof where === "string" ? [] : nodeArgs(where),
    stderr: "inherit" as const,
  };
  if (kind.startsWith("legacy")) {
    const client = new LegacyClient(info);
    await client.connect(
      typeof where === "string" ? (new LegacyHttp(new URL(where)) as never) : new LegacyStdio(command),
    );
    return client as unknown as AnyClient;
  }
  const client = new ModernClient(info, { versionNegotiation: { mode: { pin: "2026-07-28" } } });
  await client.connect(
    typeof where === "string" ? new StreamableHTTPClientTransport(new URL(where)) : new ModernStdio(command),
  );
  return client as unknown as AnyClient;
}
