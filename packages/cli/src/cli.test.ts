import { describe, expect, it } from "vitest";
import { captureIo } from "../test/capture-io.ts";
import { run } from "./cli.ts";

describe("fairlead", () => {
  it.each([["--help"], ["serve", "--help"], ["tools", "--help"], ["call", "--help"], ["status", "--help"]])(
    "prints help with examples for %s %s",
    async (...argv) => {
      const io = captureIo();
      expect(
        await run(
          argv.filter((argument) => argument !== undefined),
          io,
        ),
      ).toBe(0);
      expect(io.out()).toMatch(/^Usage: fairlead/);
      expect(io.out()).toMatch(/Examples:\n {2}fairlead /);
      expect(io.err()).toBe("");
    },
  );

  it("documents its exit codes and environment in --help", async () => {
    const io = captureIo();
    await run(["--help"], io);
    for (const code of [0, 1, 2, 3, 4, 5, 130])
      expect(io.out()).toMatch(new RegExp(`^ {2}${code} +\\w`, "m"));
    expect(io.out()).toContain("FAIRLEAD_URL");
    expect(io.out()).toContain("NO_COLOR");
  });

  it("prints its version", async () => {
    const io = captureIo();
    expect(await run(["--version"], io)).toBe(0);
    expect(io.out()).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([
    [["nonsense"], "unknown command 'nonsense'", '"fairlead --help"'],
    [[], "no command given", '"fairlead --help"'],
    [["call"], "missing required argument 'tool'", '"fairlead call --help"'],
    [["tools", "--colour"], "unknown option '--colour'", '"fairlead tools --help"'],
    [["serve", "--port", "many"], '--port must be a number from 0 to 65535, got "many"', "--port 3010"],
    [["status", "--url", "localhost"], '--url must be an http or https URL, got "localhost"', "--url http"],
  ])("exits with 2 and the next step for %j", async (argv, message, next) => {
    const io = captureIo();
    expect(await run(argv, io)).toBe(2);
    expect(io.err()).toContain(`error: ${message}`);
    expect(io.err()).toMatch(/^next: /m);
    expect(io.err()).toContain(next);
    expect(io.out()).toBe("");
  });

  it("names the way out when --json takes the tool's name for its value", async () => {
    const io = captureIo();
    expect(await run(["call", "echo", "--json", "[]"], io)).toBe(2);
    expect(JSON.parse(io.err())).toMatchObject({
      error: { message: "--json takes the arguments as one JSON object, got []" },
    });
  });

  it("reports wrong usage as JSON with --json", async () => {
    const io = captureIo();
    expect(await run(["status", "--json", "--nope"], io)).toBe(2);
    expect(JSON.parse(io.err())).toEqual({
      error: {
        code: "USAGE",
        message: "unknown option '--nope'",
        fix: '"fairlead status --help" shows how it is used',
      },
      exitCode: 2,
    });
  });
});
