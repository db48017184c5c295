// Both official SDKs' clients, with one face.
import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
} from "@modelcontextprotocol/client";
import { Client as LegacyClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as LegacyTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

export interface Progress {
  readonly progress: number;
  readonly total?: number | undefined;
}

interface CallOptions {
  readonly onprogress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

/** What the tests need, in the words of both SDKs. */
export interface SdkClient {
  listTools(params?: {
    cursor?: string;
  }): Promise<{ tools: { name: string }[]; nextCursor?: string | undefined }>;
  callTool(
    name: string,
    args: Record<string, unknown>,
    options?: CallOptions,
  ): Promise<{ content?: unknown }>;
  readResource(params: { uri: string }): Promise<{ contents: { uri: string; text?: unknown }[] }>;
  listResources(): Promise<{ resources: { uri: string }[] }>;
  listResourceTemplates(): Promise<{ resourceTemplates: { uriTemplate: string }[] }>;
  listPrompts(): Promise<{ prompts: { name: string }[] }>;
  getPrompt(params: { name: string; arguments?: Record<string, string> }): Promise<{ messages: unknown[] }>;
  complete(params: {
    ref: { type: "ref/prompt"; name: string };
    argument: { name: string; value: string };
  }): Promise<{ completion: { values: string[] } }>;
  close(): Promise<void>;
}

const clientInfo = { name: "test", version: "1.0.0" };

export async function legacyClient(url: URL): Promise<SdkClient> {
  const client = new LegacyClient(clientInfo);
  await client.connect(new LegacyTransport(url) as Parameters<LegacyClient["connect"]>[0]);
  return Object.assign(client, {
    callTool: (name: string, args: Record<string, unknown>, options?: CallOptions) =>
      LegacyClient.prototype.callTool.call(client, { name, arguments: args }, undefined, options),
  }) as unknown as SdkClient;
}

export async function modernClient(url: URL): Promise<SdkClient> {
  const client = new ModernClient(clientInfo, { versionNegotiation: { mode: { pin: "2026-07-28" } } });
  await client.connect(new ModernTransport(url));
  return Object.assign(client, {
    callTool: (name: string, args: Record<string, unknown>, options?: CallOptions) =>
      ModernClient.prototype.callTool.call(client, { name, arguments: args }, options),
  }) as unknown as SdkClient;
}
