// The upstream of the overhead scenario: the cheapest MCP server that there can be, so that what is measured is what
// stands before it. `node upstream.ts --port <port> [--sse]`
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { answerTo, type Message } from "./echo.ts";

const { values } = parseArgs({
  options: { port: { type: "string" }, sse: { type: "boolean", default: false } },
});

createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    if (request.method !== "POST") {
      response.writeHead(405).end();
      return;
    }
    const message = JSON.parse(Buffer.concat(chunks).toString()) as Message;
    if (message.id === undefined) {
      response.writeHead(202).end();
      return;
    }
    const body = answerTo(message);
    if (values.sse) {
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
      response.end(`event: message\ndata: ${body}\n\n`);
    } else {
      response.writeHead(200, {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
      });
      response.end(body);
    }
  });
}).listen(Number(values.port), "127.0.0.1");
