import { existsSync } from "node:fs";
import { expect, it } from "vitest";
import { childrenOf, freePort, isAlive, readLedger, startProcess, tempDir, waitUntil } from "./index.ts";
import { writeLedger } from "./ledger.ts";

const node = (code: string) => startProcess({ command: process.execPath, args: ["--eval", code] });
const idle = "setInterval(() => {}, 1000);";

it("shows what a process printed and how it ended", async () => {
  await using child = await node('console.log("out"); console.error("err 42"); process.exit(3)');
  const [, number] = await child.waitForLine(/^err (\d+)$/);
  expect(number).toBe("42");
  expect(await child.exited).toEqual({ code: 3, signal: null });
  expect([child.stdout(), child.stderr()]).toEqual(["out\n", "err 42\n"]);
  expect(isAlive(child.pid)).toBe(false);
});

it("fails at once, with the output, when the process ends without the line", async () => {
  await using child = await node('console.error("no such thing")');
  await expect(child.waitForLine(/^ready$/, 60_000)).rejects.toThrow(/ended .*\n.*\n.*no such thing/);
});

it("says which command cannot be started", async () => {
  await expect(startProcess({ command: "/nowhere/at/all" })).rejects.toThrow("cannot start /nowhere/at/all");
});

it("finds descendants and takes all of them down", async () => {
  const grandchild = `require("node:child_process").spawn(process.execPath, ["--eval", ${JSON.stringify(idle)}])`;
  const child = await node(`${grandchild}; console.log("ready"); ${idle}`);
  await child.waitForLine(/^ready$/);
  const found = childrenOf(child.pid);
  expect(found).toHaveLength(1);
  expect(childrenOf(process.pid)).toEqual(expect.arrayContaining([child.pid, ...found]));
  await child[Symbol.asyncDispose]();
  expect((await child.exited).signal).toBe("SIGKILL");
  await waitUntil(() => found.every((pid) => !isAlive(pid)), { what: "the end of the grandchild" });
});

it("times out with what was waited for and last seen", async () => {
  const never = waitUntil(() => 0, { timeoutMs: 1, what: "a miracle" });
  await expect(never).rejects.toThrow("timed out after 1 ms waiting for a miracle; last seen: 0");
  const broken = waitUntil(() => Promise.reject(new Error("refused")), { timeoutMs: 1, what: "an answer" });
  await expect(broken).rejects.toThrow("last seen: Error: refused");
});

it("gives a directory that is gone afterwards and a port that is free", async () => {
  let file: string;
  {
    await using dir = await tempDir();
    file = dir.file("ledger");
    expect(readLedger(file).entries).toEqual([]);
    writeLedger(file, "append", "with space");
    expect(readLedger(file).entries).toEqual([{ action: "append", nonce: "with_space", pid: process.pid }]);
  }
  expect(existsSync(file)).toBe(false);
  expect(await freePort()).toBeGreaterThan(1023);
});
