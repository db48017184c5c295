// MCP clients of both generations, at the server over both transports.
import { fileURLToPath } from "node:url";
import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernHttp,
} from "@modelcontextprotocol/client";
import { StdioClientTransport as ModernStdio } from "@modelcontextprotocol/client/stdio";
import { Client as LegacyClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as LegacyStdio } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport as LegacyHttp } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { createLmStudioClient, type LmStudioClientOptions } from "../src/index.ts";
import { type HttpHandle, type HttpOptions, serveHttp } from "../src/server/index.ts";
import type { LmStudioSimulator, SimulatorOptions } from "../src/simulator/index.ts";
import { models } from "./client.ts";
import { startHost } from "./host.ts";

const program = fileURLToPath(new URL("../src/server/main.ts", import.meta.url));
export const nodeArgs: readonly string[] = ["--conditions=@fairlead/source", program];

export interface ToolAnswer {
  readonly content: readonly { readonly type: string; readonly text?: string }[];
  readonly structuredContent?: Readonly<Record<string, unknown>>;
  readonly isError?: boolean;
}

export interface ProgressNote {
  readonly progress: number;
  readonly total?: number | undefined;
  readonly message?: string | undefined;
}

export interface Mcp extends AsyncDisposable {
  readonly simulator: LmStudioSimulator;
  tools(): Promise<readonly { readonly name: string; readonly inputSchema: object }[]>;
  call(
    name: string,
    args?: Record<string, unknown>,
    options?: { signal?: AbortSignal; onProgress?: (note: ProgressNote) => void },
  ): Promise<ToolAnswer>;
}

export const ways = ["legacy stdio", "modern stdio", "legacy http", "modern http"] as const;
export type Way = (typeof ways)[number];

export interface McpOptions {
  readonly simulated?: Partial<SimulatorOptions>;
  readonly client?: Partial<LmStudioClientOptions>;
  readonly server?: Partial<HttpOptions>;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
}

export async function startMcp(way: Way, options: McpOptions = {}): Promise<Mcp> {
  const { simulated = {}, env = {}, args = [] } = options;
  const host = await startHost({ models: models.map((model) => ({ ...model, loaded: true })), ...simulated });
  const close: (() => Promise<unknown>)[] = [host.simulator.close];
  let server: HttpHandle | undefined;
  if (way.endsWith("http")) {
    const client = createLmStudioClient({
      hosts: [host.url],
      backoffBaseMs: 1,
      ratePerSecond: 10_000,
      ...options.client,
    });
    server = await serveHttp({ client, port: 0, ...options.server });
    close.unshift(server.close, client.close);
  }
  const process_ = {
    command: process.execPath,
    args: [...nodeArgs, ...args],
    env: { PATH: process.env["PATH"] ?? "", LMSTUDIO_API_BASE: `${host.url}/v1`, ...env },
  };
  const url = new URL(server?.url ?? "http://localhost");
  const info = { name: "test", version: "1" };
  const shared = { simulator: host.simulator };
  const dispose = async (): Promise<void> => {
    for (const end of close) await end();
  };
  if (way.startsWith("legacy")) {
    const client = new LegacyClient(info);
    await client.connect(way.endsWith("http") ? new LegacyHttp(url) : new LegacyStdio(process_));
    close.unshift(() => client.close());
    return {
      ...shared,
      tools: async () => (await client.listTools()).tools,
      call: async (name, given = {}, { signal, onProgress } = {}) =>
        (await client.callTool({ name, arguments: given }, undefined, {
          ...(signal === undefined ? {} : { signal }),
          ...(onProgress === undefined ? {} : { onprogress: onProgress }),
        })) as ToolAnswer,
      [Symbol.asyncDispose]: dispose,
    };
  }
  const client = new ModernClient(info, { versionNegotiation: { mode: { pin: "2026-07-28" } } });
  await client.connect(way.endsWith("http") ? new ModernHttp(url) : new ModernStdio(process_));
  close.unshift(() => client.close());
  return {
    ...shared,
    tools: async () => (await client.listTools()).tools,
    call: async (name, given = {}, { signal, onProgress } = {}) =>
      (await client.callTool(
        { name, arguments: given },
        {
          ...(signal === undefined ? {} : { signal }),
          ...(onProgress === undefined ? {} : { onprogress: onProgress }),
        },
      )) as ToolAnswer,
    [Symbol.asyncDispose]: dispose,
  };
}

export function textOf({ content }: ToolAnswer): string {
  return content.map(({ text = "" }) => text).join("\n");
}

/** For what another process does: looks again and again, for up to half a minute. */
export async function eventually(condition: () => boolean): Promise<void> {
  for (let looks = 0; !condition(); looks += 1) {
    if (looks > 3_000) throw new Error(`never came about: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
