// Servers whose work is waiting: each has slots, a queue before them, and service times from a distribution, so that many
// of them fit on two cores and what is measured is how calls are spread. One process, one port for each server.
// `node slot-servers.ts '<JSON of SlotServerOptions>'`
import { createServer, type ServerResponse } from "node:http";
import { mulberry32 } from "../load/open-loop.ts";
import { answerTo, type Message } from "./echo.ts";

export interface SlotServerOptions {
  readonly servers: readonly {
    readonly port: number;
    /** How many times faster than the slowest. */
    readonly speed: number;
    readonly slots: number;
  }[];
  /** Of a server of speed 1, in milliseconds. */
  readonly meanServiceMs: number;
  readonly distribution: "exponential" | "fixed" | "lognormal";
  /** Of the logarithm, for lognormal. */
  readonly sigma?: number;
  /** Each server in turn runs at this share of its speed for `onMs`, then not for `offMs`. */
  readonly antagonist?: { readonly share: number; readonly onMs: number; readonly offMs: number };
  readonly seed: number;
}

const options = JSON.parse(process.argv[2] ?? "{}") as SlotServerOptions;
const { servers, meanServiceMs, distribution, sigma = 1, antagonist, seed } = options;
const startedAt = performance.now();

for (const [at, server] of servers.entries()) open(at, server);

function open(at: number, { port, speed, slots }: SlotServerOptions["servers"][number]): void {
  const random = mulberry32(seed + at);
  /** When each slot has done what it was given, whether or not a timer was late: timers must not take from the capacity. */
  const freeAt = Array.from({ length: slots }, () => 0);
  const listener = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (request.method !== "POST") {
        response.writeHead(405).end();
        return;
      }
      const message = JSON.parse(Buffer.concat(chunks).toString()) as Message;
      if (message.id === undefined) response.writeHead(202).end();
      else if (message.method === "tools/call") work(() => answer(response, message));
      else answer(response, message);
    });
  });
  listener.keepAliveTimeout = 60_000;
  listener.listen({ port, host: "127.0.0.1", backlog: 4_096 });

  /** First come, first served: the slot that is free first is known when a call arrives. */
  function work(done: () => void): void {
    const now = performance.now();
    const first = Math.min(...freeAt);
    const doneAt = Math.max(now, first) + serviceMs(random) / (speed * slowdown(at));
    freeAt[freeAt.indexOf(first)] = doneAt;
    setTimeout(done, doneAt - now);
  }
}

function serviceMs(random: () => number): number {
  switch (distribution) {
    case "fixed":
      return meanServiceMs;
    case "exponential":
      return -Math.log(1 - random()) * meanServiceMs;
    case "lognormal": {
      // Box and Muller, 1958.
      const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
      return meanServiceMs * Math.exp(sigma * normal - (sigma * sigma) / 2);
    }
  }
}

function slowdown(at: number): number {
  if (antagonist === undefined) return 1;
  const { share, onMs, offMs } = antagonist;
  const phase = (performance.now() - startedAt + (at * (onMs + offMs)) / servers.length) % (onMs + offMs);
  return phase < onMs ? share : 1;
}

function answer(response: ServerResponse, message: Message): void {
  const body = answerTo(message);
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.end(body);
}
