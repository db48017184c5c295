// The example of the multiplexing document runs with nothing changed but its imports. Only the ports are other ones here.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { freePort, startProcess } from "@fairlead/testbed";
import { expect, it } from "vitest";

const folder = fileURLToPath(new URL("..", import.meta.url));
const example = readFileSync(`${folder}provider.ts`, "utf8");

// As the document has it, from the first line after its imports.
const document = `
// Create enhanced MCP configuration
const ragConfig = MultiplexingConfigFactory.createEnhancedMCPConfig({
  preset: MultiplexingPreset.PRODUCTION_SMALL,
  serverConfigs: [
    { 
      host: 'localhost', 
      port: 3001, 
      capabilities: ['vector_search'], 
      pluginPath: './mcp-vector-server.js' 
    },
    { 
      host: 'localhost', 
      port: 3002, 
      capabilities: ['graph_query'], 
      pluginPath: './mcp-graph-server.js' 
    }
  ],
  enableFallback: true,
  fallbackConfig: {
    host: 'localhost',
    port: 3000,
    pluginPath: './mcp-fallback-server.js'
  }
});

// Initialize RAG provider
const ragProvider = new EnhancedMCPRAGProvider(ragConfig);
await ragProvider.connect();

// Execute RAG queries
const response = await ragProvider.query({
  query: 'Explain quantum computing',
  maxResults: 5,
  threshold: 0.7
});

console.log('RAG Response:', response);
`;

/** Without what the formatter decides: quotes, white space, trailing commas. */
const plain = (code: string): string =>
  code
    .replaceAll("'", '"')
    .replace(/\s+/g, "")
    .replace(/,([}\])])/g, "$1");

it("is the document's code", () => {
  expect(plain(example)).toContain(plain(document));
});

it("keeps what it promises", async () => {
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  const text = ports.reduce((code, port, at) => code.replaceAll(String(3000 + at), String(port)), example);
  await using running = await startProcess({
    command: process.execPath,
    args: ["--conditions=@fairlead/source", "--input-type=module-typescript", "--eval", text],
    cwd: folder,
  });
  const exit = await running.exited;
  expect({ exit, stderr: running.stderr() }).toMatchObject({ exit: { code: 0 } });
});
