import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { fixtureServerPath, freePort, readLedger, startProcess, tempDir, waitUntil } from "@fairlead/testbed";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withClient } from "../src/connection.ts";
import { run } from "../src/index.ts";
import { captureIo } from "./capture-io.ts";

let url: string;
let ledger: string;
const resources = new AsyncDisposableStack();

beforeAll(async () => {
  const dir = resources.use(await tempDir());
  ledger = dir.file("ledger");
  const server = resources.use(
    await startProcess({
      command: process.execPath,
      args: [fixtureServerPath, "--http"],
      env: { FIXTURE_LEDGER: ledger, FIXTURE_PAGE_SIZE: "4", FIXTURE_EXTRA_TOOLS: "a.b" },
    }),
  );
  [, url = ""] = await server.waitForLine(/^listening on (\S+)$/);
});
afterAll(() => resources.disposeAsync());

describe("fairlead tools", () => {
  it("lists the tools of all pages with their arguments", async () => {
    const io = captureIo();
    expect(await run(["tools", "--url", url], io)).toBe(0);
    const lines = io.out().split("\n");
    expect(lines[0]).toMatch(/^TOOL +ARGUMENTS +DESCRIPTION$/);
    expect(lines[1]).toMatch(/^echo +nonce:string message:string delayMs:integer +Answers with/);
    expect(io.out()).toContain("a.b");
    expect(io.out()).toContain("10 tools; * is required.");
    expect(io.err()).toBe("");
  });

  it("prints nothing but JSON with --json, and takes the address from FAIRLEAD_URL", async () => {
    const io = captureIo({ env: { FAIRLEAD_URL: url } });
    expect(await run(["tools", "--json"], io)).toBe(0);
    const { tools } = JSON.parse(io.out()) as { tools: { name: string; inputSchema: object }[] };
    expect(tools).toHaveLength(10);
    expect(tools[0]).toMatchObject({ name: "echo", inputSchema: { type: "object" } });
  });

  it("colours and cuts only on a terminal, and never with NO_COLOR", async () => {
    const terminal = captureIo({ isTTY: true, columns: 60 });
    await run(["tools", "--url", url], terminal);
    expect(terminal.out()).toContain("\u001b[1mecho\u001b[22m");
    expect(terminal.out()).toContain("…");
    const plain = captureIo({ isTTY: true, columns: 60, env: { NO_COLOR: "1" } });
    await run(["tools", "--url", url], plain);
    expect(plain.out()).not.toContain("\u001b[");
  });
});

describe("fairlead call", () => {
  it("prints the text of the result", async () => {
    const io = captureIo();
    expect(await run(["call", "echo", "--arg", "message=a=b c", "--url", url], io)).toBe(0);
    expect(io.out()).toBe("a=b c\n");
  });

  it("converts arguments by the tool's schema", async () => {
    const io = captureIo();
    expect(await run(["call", "big", "--arg", "bytes=5", "--url", url], io)).toBe(0);
    expect(io.out()).toBe("xxxxx\n");
    const wrong = captureIo();
    expect(await run(["call", "big", "--arg", "bytes=five", "--url", url], wrong)).toBe(2);
    expect(wrong.err()).toContain('argument "bytes" must be integer, got "five"');
    expect(wrong.out()).toBe("");
  });

  it("takes a JSON object, prints the result as JSON, and lets --arg win", async () => {
    const io = captureIo();
    const json = '{"message":"a","nonce":"n"}';
    expect(await run(["call", "echo", "--json", json, "--arg", "message=b", "--url", url], io)).toBe(0);
    expect(JSON.parse(io.out())).toMatchObject({ content: [{ type: "text", text: "b" }] });
  });

  it("exits with 1 when the tool reports an error", async () => {
    const io = captureIo();
    expect(await run(["call", "remove_tool", "--arg", "name=none", "--url", url], io)).toBe(1);
    expect(io.out()).toBe('no tool is named "none"\n');
    expect(io.err()).toContain("error: the tool reported an error");
    const json = captureIo();
    expect(await run(["call", "remove_tool", "--json", "--arg", "name=none", "--url", url], json)).toBe(1);
    expect(JSON.parse(json.out())).toMatchObject({ isError: true });
    expect(json.err()).toBe("");
  });

  it("exits with 4 and the nearest name when there is no such tool", async () => {
    const io = captureIo();
    expect(await run(["call", "ecko", "--url", url], io)).toBe(4);
    expect(io.err()).toBe(
      'error: the gateway serves no tool "ecko"\nnext: did you mean echo? "fairlead tools" lists all 10\n',
    );
    const json = captureIo();
    expect(await run(["call", "zzzz", "--json", "--url", url], json)).toBe(4);
    expect(JSON.parse(json.err())).toEqual({
      error: {
        code: "UNKNOWN_TOOL",
        message: 'the gateway serves no tool "zzzz"',
        fix: '"fairlead tools" lists what it serves',
      },
      exitCode: 4,
    });
  });

  it("shows progress on a terminal only", async () => {
    const args = ["call", "slow", "--arg", "delayMs=4", "--arg", "steps=2", "--arg", "nonce=n", "--url", url];
    const terminal = captureIo({ isTTY: true });
    expect(await run(args, terminal)).toBe(0);
    expect(terminal.err()).toBe("\r\u001b[K1/2 step 1 of 2\r\u001b[K2/2 step 2 of 2\r\u001b[K");
    expect(terminal.out()).toBe("n\n");
    const pipe = captureIo();
    await run(args, pipe);
    expect(pipe.err()).toBe("");
  });

  it("cancels the call at Ctrl-C and exits with 130", async () => {
    await using cli = await startProcess({
      command: process.execPath,
      args: [
        "--conditions=@fairlead/source",
        fileURLToPath(new URL("../src/main.ts", import.meta.url)),
        ...["call", "slow", "--arg", "delayMs=60000", "--arg", "steps=6000", "--arg", "nonce=stop-me"],
        ...["--url", url],
      ],
    });
    await waitUntil(() => readLedger(ledger).started.has("stop-me"), { what: "the call at the server" });
    cli.kill("SIGINT");
    expect(await cli.exited).toEqual({ code: 130, signal: null });
    expect(cli.stderr()).toContain("interrupted; the gateway was told to cancel");
    await waitUntil(() => readLedger(ledger).cancelled.has("stop-me"), { what: "the cancellation" });
  });
});

describe("a gateway that does not do as expected", () => {
  it("exits with 3 when nothing listens", async () => {
    const nowhere = `http://127.0.0.1:${await freePort()}`;
    for (const command of [["tools"], ["call", "echo"], ["status"]]) {
      const io = captureIo();
      expect(await run([...command, "--url", nowhere], io)).toBe(3);
      expect(io.err()).toBe(
        `error: no gateway answers at ${nowhere} (ECONNREFUSED)\nnext: start one with "fairlead serve", or pass its address with --url or FAIRLEAD_URL\n`,
      );
    }
  });

  it("exits with 3 when something listens there but never answers", async () => {
    const server = createServer(() => undefined);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const endpoint = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
    const signal = new AbortController().signal;
    try {
      const attempt = withClient(endpoint, signal, () => Promise.resolve(), { connectTimeoutMs: 50 });
      await expect(attempt).rejects.toMatchObject({
        code: "GATEWAY_UNREACHABLE",
        message: `no gateway answers at ${endpoint.origin} (no answer in time)`,
      });
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it("says that a call may have been executed when the gateway dies during it", async () => {
    await using dir = await tempDir();
    await using server = await startProcess({
      command: process.execPath,
      args: [fixtureServerPath, "--http"],
      env: { FIXTURE_LEDGER: dir.file("ledger") },
    });
    const [, mortal = ""] = await server.waitForLine(/^listening on (\S+)$/);
    const io = captureIo();
    const slow = ["call", "slow", "--arg", "delayMs=60000", "--arg", "nonce=n", "--url", mortal];
    const call = run(slow, io);
    await waitUntil(() => readLedger(dir.file("ledger")).started.has("n"), {
      what: "the call at the server",
    });
    server.kill("SIGKILL");
    expect(await call).toBe(3);
    expect(io.err()).toMatch(/^error: the connection to \S+ broke during the call .* may have been executed/);
  });

  it("exits with 5 when something else listens there", async () => {
    const server = createServer((_, response) => response.writeHead(404).end("not here"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const other = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      for (const command of [["tools"], ["status"]]) {
        const io = captureIo();
        expect(await run([...command, "--url", other, "--json"], io)).toBe(5);
        expect(JSON.parse(io.err())).toMatchObject({
          error: { code: "PROTOCOL_ERROR", status: 404 },
          exitCode: 5,
        });
        expect(io.out()).toBe("");
      }
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
