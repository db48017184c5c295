// A scripted upstream of revision 2026-07-28, and of no other: `node modern-fixture-server.ts --stdio | --http
// [--port N | --socket path]`; FIXTURE_NAME, _SCHEME, _LEDGER and _EXTRA_TOOLS are as in fixture/options.ts. Over HTTP its
// first line on stdout is `listening on <url or socket>`.
import { createMcpHandler, type Server } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { serveFetch } from "./fixture/modern-http.ts";
import { createModernFixture } from "./fixture/modern-server.ts";
import { readListener, readOptions } from "./fixture/options.ts";

const options = readOptions(process.env);
const listener = readListener(process.argv.slice(2));

if (listener.transport === "stdio") {
  let server: Server | undefined;
  const fixture = createModernFixture(options, {
    onToolsChanged: () => void server?.sendToolListChanged(),
    onResourceUpdated: (uri) => void server?.sendResourceUpdated({ uri }),
  });
  serveStdio(() => (server = fixture.createServer()), { legacy: "reject" });
} else {
  const fixture = createModernFixture(options, {
    onToolsChanged: () => handler.notify.toolsChanged(),
    onResourceUpdated: (uri) => handler.notify.resourceUpdated(uri),
  });
  const handler = createMcpHandler(() => fixture.createServer(), { legacy: "reject" });
  console.log(`listening on ${await serveFetch((request) => handler.fetch(request), listener.listen)}`);
}
