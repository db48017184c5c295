// The upstream of all targets: the cheapest MCP server that there can be, so that what is measured is what stands before it;
// or one with a set service time and a set number of slots, to see what balancing makes of several.
// `node upstream.ts --port <port> [--sse] [--service-ms 20] [--distribution fixed|exponential] [--slots 4] [--seed 1]`
import { createServer, type ServerResponse } from "node:http";
import { parseArgs } from "node:util";
import { mulberry32 } from "../load/open-loop.ts";
import { answerTo, type Message } from "./echo.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string" },
    sse: { type: "boolean", default: false },
    "service-ms": { type: "string", default: "0" },
    distribution: { type: "string", default: "fixed" },
    slots: { type: "string", default: "0" },
    seed: { type: "string", default: "1" },
  },
});
const serviceMs = Number(values["service-ms"]);
const slots = Number(values.slots);
const random = mulberry32(Number(values.seed));
const waiting: (() => void)[] = [];
let busy = 0;

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    if (request.method !== "POST") {
      response.writeHead(405).end();
      return;
    }
    const message = JSON.parse(Buffer.concat(chunks).toString()) as Message;
    if (message.id === undefined) response.writeHead(202).end();
    else if (message.method !== "tools/call" || (serviceMs === 0 && slots === 0)) answer(response, message);
    else serve(() => answer(response, message));
  });
});
server.keepAliveTimeout = 60_000;
server.listen(Number(values.port), "127.0.0.1");

function answer(response: ServerResponse, message: Message): void {
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
}

/** Holds a slot for the service time, first come first served. */
function serve(done: () => void): void {
  const start = (): void => {
    busy++;
    const time = values.distribution === "exponential" ? -Math.log(1 - random()) * serviceMs : serviceMs;
    setTimeout(() => {
      busy--;
      waiting.shift()?.();
      done();
    }, time);
  };
  if (slots > 0 && busy >= slots) waiting.push(start);
  else start();
}
