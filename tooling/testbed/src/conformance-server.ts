// The server that the official conformance suite is run against, direct and through the gateway:
// `node conformance-server.ts legacy | modern --stdio | --http [--port N | --socket path]`. It has everything that the
// suite's scenarios ask for by name. Over HTTP its first line on stdout is `listening on <url or socket>`.
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { createMcpHandler, type McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { createEventStore, createLegacyServer } from "./conformance/legacy.ts";
import { createModernServer } from "./conformance/modern.ts";
import { serveHttp } from "./fixture/http.ts";
import { serveFetch } from "./fixture/modern-http.ts";
import { readListener } from "./fixture/options.ts";

const RETRY_INTERVAL_MS = 500;

const [era, ...argv] = process.argv.slice(2);
const listener = readListener(argv);
if (era !== "legacy" && era !== "modern")
  throw new RangeError(`the era must be legacy or modern, got "${era}"`);

if (listener.transport === "stdio") {
  if (era === "legacy") {
    await createLegacyServer().connect(new StdioServerTransport());
    process.stdin.on("end", () => process.exit(0));
  } else {
    let server: McpServer | undefined;
    serveStdio(
      () =>
        (server = createModernServer((kind) => {
          if (kind === "tools") server?.sendToolListChanged();
          else server?.sendPromptListChanged();
        })),
      { legacy: "reject" },
    );
  }
} else if (era === "legacy") {
  const url = await serveHttp(
    { createServer: createLegacyServer },
    { eventStore: createEventStore, retryInterval: RETRY_INTERVAL_MS, isForeign },
    listener.listen,
  );
  console.log(`listening on ${url}`);
} else {
  const handler = createMcpHandler(
    () =>
      createModernServer((kind) =>
        kind === "tools" ? handler.notify.toolsChanged() : handler.notify.promptsChanged(),
      ),
    { legacy: "reject" },
  );
  const url = await serveFetch((request) => {
    const { headers } = request;
    if (isForeign(headers.get("host"), headers.get("origin")))
      return Promise.resolve(new Response("foreign", { status: 403 }));
    return handler.fetch(request);
  }, listener.listen);
  console.log(`listening on ${url}`);
}

/** What a page of another site, or a name that was bound anew, would send. */
function isForeign(host: string | null | undefined, origin: string | null | undefined): boolean {
  const own = /^(https?:\/\/)?(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;
  return !own.test(host ?? "") || (typeof origin === "string" && !own.test(origin));
}
