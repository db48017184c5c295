// Spans as a collector gets them, held against what the server was told.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createRawClient, waitUntil } from "@fairlead/testbed";
import { expect, it } from "vitest";
import { modernHttpFixture, startGateway } from "./gateway.ts";

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly name: string;
}

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";

it("names the exported span of the attempt to the server, below that of the request, below the client's", async () => {
  const spans: Span[] = [];
  const collector = createServer((request, response) => {
    void request.toArray().then((chunks) => {
      const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString()) as {
        resourceSpans: { scopeSpans: { spans: Span[] }[] }[];
      };
      for (const { scopeSpans } of resourceSpans) for (const scope of scopeSpans) spans.push(...scope.spans);
      response.end("{}");
    });
  });
  await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
  const { port } = collector.address() as AddressInfo;
  const gateway = await startGateway({
    tracing: { endpoint: `http://127.0.0.1:${port}/v1/traces` },
    pools: { a: { upstreams: [modernHttpFixture()] } },
  });
  await gateway.untilReady();
  const client = createRawClient(`${gateway.url}/mcp`);
  const answer = await client.modern(
    "tools/call",
    { name: "a__region", arguments: { region: "north" }, _meta: { traceparent: `00-${TRACE}-${PARENT}-01` } },
    { headers: { "mcp-param-region": "north", baggage: "user=7" } },
  );
  client.close();
  // What is left is sent before the end.
  gateway.process.kill("SIGTERM");
  const ofCall = (): Span[] => spans.filter(({ name }) => name === "tools/call a__region");
  await waitUntil(() => ofCall().length === 2, { timeoutMs: 30_000, what: "the spans" });
  await gateway[Symbol.asyncDispose]();
  collector.closeAllConnections();
  collector.close();

  const server = ofCall().find(({ kind }) => kind === 2);
  const attempt = ofCall().find(({ kind }) => kind === 3);
  expect(server).toMatchObject({ traceId: TRACE, parentSpanId: PARENT });
  expect(attempt).toMatchObject({ traceId: TRACE, parentSpanId: server?.spanId });
  expect(answer.text).toContain(`00-${TRACE}-${attempt?.spanId}-01`);
  expect(answer.text).toContain("user=7");
});
