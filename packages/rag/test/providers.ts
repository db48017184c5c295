// Providers that a test file opens, closed after each test, and answers for servers that are scripted.
import { type TempDir, tempDir } from "@fairlead/testbed";
import { afterAll, afterEach, beforeAll } from "vitest";
import { RagError } from "../src/errors.ts";
import type { RagResponse } from "../src/provider/answer.ts";
import type { RagProviderConfig, RagServerConfig } from "../src/provider/config.ts";
import { createRagProvider, type RagProvider } from "../src/provider/provider.ts";
import { type ScriptedTool, scripted } from "./scripted-server.ts";

export let dir: TempDir;
const open: RagProvider[] = [];
beforeAll(async () => {
  dir = await tempDir();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((provider) => provider.close()));
});
afterAll(() => dir[Symbol.asyncDispose]());

export const started = async (config: RagProviderConfig): Promise<RagProvider> => {
  const provider = createRagProvider(config);
  open.push(provider);
  await provider.connect();
  return provider;
};
export const alone = (
  tools: readonly ScriptedTool[],
  extra: Partial<RagServerConfig> = {},
): Promise<RagProvider> => started({ serverConfigs: [scripted("one", tools, extra)] });
export const text = (value: unknown): object => ({
  content: [{ type: "text", text: typeof value === "string" ? value : JSON.stringify(value) }],
});
export const errorOf = async (promise: Promise<unknown>): Promise<RagError> => {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof RagError) return error;
  throw new Error(`expected a RagError, got ${String(error)}`);
};
export const argumentsIn = ({ results }: RagResponse): unknown =>
  JSON.parse(results[0]?.text.replace("asked: ", "") ?? "null") as unknown;
export const similar = (entries: readonly (readonly [string, number])[]): object => {
  const results = entries.map(([body, similarity], at) => ({
    id: `${at}`,
    text: body,
    similarity,
    score: 1 / (at + 1),
  }));
  return { ...text({ results }), structuredContent: { results, thresholdApplied: true } };
};
