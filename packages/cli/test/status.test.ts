import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fetchStatus, run, type StatusReport } from "../src/index.ts";
import { captureIo } from "./capture-io.ts";
import { replica, statusReport } from "./status-fixture.ts";

let server: Server;
let url: string;
let body: unknown;

beforeEach(async () => {
  body = statusReport();
  server = createServer((request, response) => {
    if (request.url !== "/api/status") return response.writeHead(404).end();
    return response.setHeader("content-type", "application/json").end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe("fairlead status", () => {
  it("shows pools, replicas and problems", async () => {
    const io = captureIo();
    expect(await run(["status", "--url", url], io)).toBe(0);
    const lines = io.out().split("\n");
    expect(lines[0]).toBe("fairlead 0.1.0  degraded  up 1h 2m  http://127.0.0.1:3005/mcp");
    expect(lines[2]).toMatch(/^POOL +TOOLS +STRATEGY +REPLICA +TRANSPORT +ERA +STATE/);
    expect(lines[3]).toMatch(
      /^everything +13 +round-robin +everything-1 +stdio +legacy +ready +closed +7 +1/,
    );
    expect(lines[4]).toMatch(/^ {2,}everything-2 +stdio +- +crash-loop +open .*spawn ENOENT, next try/);
    expect(io.out()).toContain("clients: 2 sessions, 1 streams   calls: 7, 0 in flight, 1 failed");
    expect(io.out()).toContain("UPSTREAM_CRASH_LOOP: everything-2 keeps exiting\n  fix: check its command");
    expect(io.out()).not.toContain("\u001b[");
  });

  it("passes on with --json what the gateway sent, unknown keys included", async () => {
    body = { ...statusReport(), later: { version: 9 } };
    const io = captureIo();
    expect(await run(["status", "--json", "--url", url], io)).toBe(0);
    expect(JSON.parse(io.out())).toEqual(body);
  });

  it("asks the gateway's root when it is given an MCP endpoint", async () => {
    expect((await fetchStatus(`${url}/mcp/everything`)).status).toBe("degraded");
  });

  it("exits with 5 when the answer is not a status", async () => {
    body = { hello: "world" };
    const io = captureIo();
    expect(await run(["status", "--url", url], io)).toBe(5);
    expect(io.err()).toContain("did not answer with a gateway's status");
  });
});

describe("fairlead status --watch", () => {
  const steps = (...changes: readonly (() => void | Promise<void>)[]) => {
    const left = [...changes];
    return () => left.shift()?.();
  };

  it("prints one line per change into a pipe until Ctrl-C", async () => {
    const io = captureIo({
      onSleep: steps(
        () => undefined,
        () => {
          const [pool] = statusReport().pools;
          if (pool === undefined) return;
          body = {
            ...statusReport(),
            status: "ready",
            pools: [
              { ...pool, replicas: [replica("everything-1"), replica("everything-2", { restarts: 3 })] },
            ],
            problems: [],
          } satisfies StatusReport;
        },
        () => io.pressCtrlC(),
      ),
    });
    expect(await run(["status", "--watch", "--url", url], io)).toBe(130);
    const lines = io
      .out()
      .split("\n")
      .map((line) => line.replace(/^\S+Z /, ""));
    expect(lines).toEqual([
      "gateway degraded",
      "everything-1 ready",
      "everything-2 crash-loop: spawn ENOENT",
      "everything-2 breaker open",
      "everything tools 13",
      "problem UPSTREAM_CRASH_LOOP: everything-2 keeps exiting (fix: check its command)",
      "gateway degraded → ready",
      "everything-2 crash-loop → ready",
      "everything-2 breaker open → closed",
      "everything-2 restarted (3 so far)",
      "",
    ]);
  });

  it("prints one JSON line per change with --json", async () => {
    const io = captureIo({
      onSleep: steps(
        () => {
          body = { ...statusReport(), uptimeMs: 99_999_999 };
        },
        () => io.pressCtrlC(),
      ),
    });
    expect(await run(["status", "--watch", "--json", "--url", url], io)).toBe(130);
    expect(
      io
        .out()
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([statusReport()]);
    expect(JSON.parse(io.err())).toMatchObject({ error: { code: "INTERRUPTED" }, exitCode: 130 });
  });

  it("redraws on a terminal", async () => {
    const io = captureIo({ isTTY: true, onSleep: steps(() => io.pressCtrlC()) });
    await run(["status", "--watch", "--url", url], io);
    expect(io.out().startsWith("\u001b[Hfairlead 0.1.0")).toBe(true);
    expect(io.out().endsWith("\u001b[J")).toBe(true);
  });

  it("waits for a gateway that goes away and comes back", async () => {
    const { port } = server.address() as AddressInfo;
    const io = captureIo({
      onSleep: steps(
        () => {
          server.closeAllConnections();
          return new Promise<void>((resolve) => server.close(() => resolve()));
        },
        () => undefined,
        () => new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve)),
        () => io.pressCtrlC(),
      ),
    });
    expect(await run(["status", "--watch", "--url", url], io)).toBe(130);
    expect(io.out().match(/no gateway answers at/g)).toHaveLength(1);
    expect(io.out().match(/gateway reachable again/g)).toHaveLength(1);
  });
});
