// The executable: what it understands, and what `install` writes.
import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { describe, expect, it } from "vitest";
import { readCommand } from "../src/server/arguments.ts";
import { install } from "../src/server/install.ts";
import { nodeArgs } from "./mcp.ts";

async function run(
  args: readonly string[],
  env: Record<string, string>,
): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [...nodeArgs, ...args], { env }, (error, out, err) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, out, err });
    });
  });
}

async function atHome<T>(action: (home: string) => Promise<T>): Promise<T> {
  const home = await mkdtemp(join(tmpdir(), "fairlead-install-"));
  try {
    return await action(home);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

describe("the command line", () => {
  it("is a server on standard input and output, or over HTTP, or an installation", () => {
    expect(readCommand([])).toEqual({ kind: "stdio", notes: [] });
    expect(readCommand(["--http", "--port", "0"])).toEqual({
      kind: "http",
      port: 0,
      host: "127.0.0.1",
      notes: [],
    });
    expect(readCommand(["install"])).toMatchObject({
      kind: "install",
      hosts: ["lmstudio"],
      name: "lmstudio-concurrent",
    });
    expect(readCommand(["install", "all", "--dry-run"])).toMatchObject({
      hosts: { length: 5 },
      dryRun: true,
    });
    expect(readCommand(["install", "cursor", "vscode", "--env", "A=b=c", "--project", "p"])).toMatchObject({
      hosts: ["cursor", "vscode"],
      env: { A: "b=c" },
      project: "p",
    });
    expect(readCommand(["/path/to/lmstudio_bridge.py"])).toMatchObject({
      kind: "stdio",
      notes: [expect.stringContaining("ignored")],
    });
  });

  it.each([
    [["serve"], "Unexpected argument 'serve'"],
    [["--http", "--port", "x"], "--port must be an integer from 0 to 65535, got x"],
    [
      ["install", "emacs"],
      "install takes lmstudio, claude-code, claude-desktop, cursor, vscode or all, got emacs",
    ],
    [["install", "--env", "x"], "--env must be NAME=value, got x"],
    [["--nothing"], "Unknown option"],
  ])("refuses %j", (args, message) => {
    expect(() => readCommand(args)).toThrow(message);
  });

  it("helps, tells its version, and ends with 2 for what it does not understand", async () => {
    const env = { PATH: process.env["PATH"] ?? "" };
    const [help, version, wrong, badEnv] = await Promise.all([
      run(["--help"], env),
      run(["--version"], env),
      run(["--nothing"], env),
      run(["--http", "--port", "0"], { ...env, HTTP_MAX_RETRIES: "many" }),
    ]);
    expect([help.code, help.out]).toEqual([0, expect.stringContaining("Usage: fairlead-lmstudio")]);
    expect(version.out).toMatch(/^\d+\.\d+\.\d+/);
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining("--nothing")]);
    expect([badEnv.code, badEnv.err]).toEqual([
      2,
      expect.stringContaining("HTTP_MAX_RETRIES must be a number from 0, got many"),
    ]);
  });
});

describe("the programs", () => {
  /** Starts one, waits for its first line, and ends it by SIGTERM. */
  async function during(
    args: readonly string[],
    env: Record<string, string>,
    action: (line: string) => Promise<void>,
  ): Promise<number | null> {
    const child = spawn(process.execPath, ["--conditions=@fairlead/source", ...args], {
      env: { PATH: process.env["PATH"] ?? "", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const exited = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
    try {
      const line = await new Promise<string>((resolve, reject) => {
        let text = "";
        const read = (chunk: Buffer): void => {
          text += chunk.toString();
          if (text.includes("\n")) resolve(text.split("\n", 1)[0] ?? "");
        };
        child.stdout.on("data", read);
        child.stderr.on("data", read);
        void exited.then((code) => reject(new Error(`ended with ${code}: ${text}`)));
      });
      await action(line);
    } finally {
      child.kill("SIGTERM");
    }
    return exited;
  }

  it("serve over HTTP beside a simulator, and end when they are told to", async () => {
    const simulator = fileURLToPath(new URL("../src/simulator/main.ts", import.meta.url));
    const ended = await during(
      [simulator, "--port", "0", "--model", "m", "--load-ms", "0"],
      {},
      async (line) => {
        const base = line.replace("LM Studio simulator at ", "");
        const code = await during(
          [...nodeArgs.slice(1), "--http", "--port", "0"],
          { LMSTUDIO_API_BASE: base },
          async (other) => {
            const url = new URL(other.replace("fairlead-lmstudio: MCP at ", ""));
            const client = new Client({ name: "test", version: "1" });
            await client.connect(new StreamableHTTPClientTransport(url));
            const answer = await client.callTool({
              name: "chat_completion",
              arguments: { prompt: "Hello", model: "m" },
            });
            expect(answer.structuredContent).toMatchObject({ ok: true, model: "m" });
            await client.close();
          },
        );
        expect(code).toBe(0);
      },
    );
    expect(ended).toBe(0);
  });

  it("end with their client on standard input", async () => {
    const child = spawn(process.execPath, [...nodeArgs], {
      env: { PATH: process.env["PATH"] ?? "" },
      stdio: ["pipe", "ignore", "ignore"],
    });
    const exited = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
    child.stdin.end();
    expect(await exited).toBe(0);
  });
});

describe("install", () => {
  it("writes LM Studio's file, keeps other entries, and prints the link", async () => {
    await atHome(async (home) => {
      const path = join(home, ".lmstudio/mcp.json");
      await mkdir(join(home, ".lmstudio"));
      await writeFile(path, '{\n  "mcpServers": {\n    "other": { "command": "x" }\n  }\n}\n');
      const env = {
        HOME: home,
        USERPROFILE: home,
        PATH: "",
        LMSTUDIO_API_BASE: "http://h:1/v1",
        LMSTUDIO_API_TOKEN: "sk-lm-secret",
      };
      const dry = await run(["install", "--dry-run"], env);
      expect(dry.out).toContain("would be");
      expect(await readFile(path, "utf8")).not.toContain("lmstudio-concurrent");
      const done = await run(["install"], env);
      expect([done.code, done.err]).toEqual([0, ""]);
      expect(done.out).toContain(`lmstudio: written to ${path}, before: ${path}.`);
      expect(done.out).toContain("lmstudio://add_mcp?name=lmstudio-concurrent&config=");
      expect(done.out).toContain("set LMSTUDIO_API_TOKEN in the environment");
      expect(done.out).not.toContain("sk-lm-secret");
      const text = await readFile(path, "utf8");
      expect(text).not.toContain("sk-lm-secret");
      expect(JSON.parse(text)).toEqual({
        mcpServers: {
          other: { command: "x" },
          "lmstudio-concurrent": {
            command: process.execPath,
            args: [...nodeArgs],
            env: { LMSTUDIO_API_BASE: "http://h:1/v1" },
          },
        },
      });
      expect((await readdir(join(home, ".lmstudio"))).filter((name) => name.endsWith(".bak"))).toHaveLength(
        1,
      );
      expect((await run(["install"], env)).out).toContain("nothing to change");
      await run(["install", "--remove"], env);
      expect(JSON.parse(await readFile(path, "utf8"))).toEqual({ mcpServers: { other: { command: "x" } } });
    });
  });

  it("knows all hosts; one whose file is broken does not stop the others", async () => {
    await atHome(async (home) => {
      await mkdir(join(home, ".cursor"));
      await writeFile(join(home, ".cursor/mcp.json"), "{ broken");
      const lines: string[] = [];
      const command = readCommand(["install", "all", "--env", "READ_TIMEOUT=90"]);
      if (command.kind !== "install") throw new Error("no installation");
      const fine = await install(command, {
        env: { LMSTUDIO_API_TOKEN: "secret" },
        program: "/opt/lmstudio/dist/server/main.js",
        node: "/usr/bin/node",
        home,
        platform: "linux",
        print: (line) => lines.push(line),
      });
      expect(fine).toBe(false);
      expect(lines.join("\n")).toContain("cursor: ");
      expect(lines.join("\n")).not.toContain("secret");
      const json = async (path: string): Promise<unknown> =>
        JSON.parse(await readFile(join(home, path), "utf8"));
      const entry = {
        command: "/usr/bin/node",
        args: ["/opt/lmstudio/dist/server/main.js"],
        env: { READ_TIMEOUT: "90" },
      };
      expect(await json(".lmstudio/mcp.json")).toEqual({ mcpServers: { "lmstudio-concurrent": entry } });
      expect(await json(".claude.json")).toMatchObject({
        mcpServers: {
          "lmstudio-concurrent": {
            type: "stdio",
            env: { LMSTUDIO_API_TOKEN: ["$", "{LMSTUDIO_API_TOKEN}"].join("") },
          },
        },
      });
      expect(await json(".config/Claude/claude_desktop_config.json")).toMatchObject({
        mcpServers: { "lmstudio-concurrent": entry },
      });
      expect(await json(".config/Code/User/mcp.json")).toMatchObject({
        servers: { "lmstudio-concurrent": { type: "stdio" } },
        inputs: [{ id: "lmstudio-api-token", password: true }],
      });
    });
  });

  it("runs by npx where it was started from npx's cache, and can point at a URL", async () => {
    await atHome(async (home) => {
      const context = {
        env: {},
        program: "/home/ada/.npm/_npx/1/node_modules/x/main.js",
        node: "/usr/bin/node",
        home,
        platform: "linux" as const,
        print: () => {},
      };
      const byNpx = readCommand(["install", "cursor"]);
      const byUrl = readCommand([
        "install",
        "cursor",
        "--name",
        "http",
        "--url",
        "http://127.0.0.1:3010/mcp",
      ]);
      for (const command of [byNpx, byUrl]) if (command.kind === "install") await install(command, context);
      expect(JSON.parse(await readFile(join(home, ".cursor/mcp.json"), "utf8"))).toEqual({
        mcpServers: {
          "lmstudio-concurrent": {
            command: "npx",
            args: ["-y", "-p", "@fairlead/lmstudio", "fairlead-lmstudio"],
          },
          http: { url: "http://127.0.0.1:3010/mcp" },
        },
      });
    });
  });
});
