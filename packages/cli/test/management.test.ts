// The commands for operators, against a real gateway process.
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  everythingServer,
  fixtureServerPath,
  type StartedProcess,
  startProcess,
  tempDir,
  waitUntil,
} from "@fairlead/testbed";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../src/cli.ts";
import { fetchStatus } from "../src/fetch-status.ts";
import { type CaptureOptions, captureIo } from "./capture-io.ts";

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
let directory: Awaited<ReturnType<typeof tempDir>>;
let gateway: StartedProcess;
let url: string;
let file: string;

beforeAll(async () => {
  directory = await tempDir();
  file = join(directory.path, "fairlead.config.yaml");
  const fixture = { command: process.execPath, args: [fixtureServerPath, "--stdio"] };
  await writeFile(
    file,
    JSON.stringify({
      clients: { limits: { requestsPerMinute: 0 } },
      pools: {
        fix: { upstreams: [fixture, fixture] },
        every: {
          strategy: "round-robin",
          upstreams: [1, 2].map(() => ({ command: process.execPath, args: [everythingServer, "stdio"] })),
        },
      },
    }),
  );
  gateway = await startProcess({
    command: process.execPath,
    args: ["--conditions=@fairlead/source", main, "serve", "--config", file, "--port", "0"],
    env: { XDG_STATE_HOME: directory.path },
  });
  [, url = ""] = await gateway.waitForLine(/listening on (http:\/\/[^"\s]+)/, 45_000);
  await waitUntil(async () => (await fetchStatus(url)).status === "ready", {
    timeoutMs: 45_000,
    what: "the upstreams",
  });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function fairlead(argv: readonly string[], options: CaptureOptions = {}): Promise<Ran> {
  const io = captureIo({
    ...options,
    env: { XDG_STATE_HOME: directory.path, HOME: directory.path, FAIRLEAD_URL: url, ...options.env },
  });
  const code = await run([...argv], io);
  return { code, out: io.out(), err: io.err() };
}

describe("servers", () => {
  it("are listed, drained and brought back", async () => {
    expect((await fairlead(["servers"])).out).toMatch(/fix-1 +fix +stdio +ready/);
    expect(await fairlead(["servers", "drain", "fix-1"])).toMatchObject({ code: 0, out: "fix-1 drained\n" });
    expect((await fairlead(["servers", "list"])).out).toMatch(/fix-1 +fix +stdio +draining/);
    expect(await fairlead(["servers", "failover", "fix-2"])).toMatchObject({ code: 5 });
    expect((await fairlead(["servers", "undrain", "fix-1"])).out).toBe("fix-1 serves again\n");
    expect((await fairlead(["servers", "restart", "fix-2", "--json"])).out).toBe(
      '{"done":true,"id":"fix-2"}\n',
    );
  });

  it("that are programs are not added over the network, and removal is asked about", async () => {
    const added = await fairlead(["servers", "add", "fix", "node", "--", "-e", "1"]);
    expect(added.code).toBe(5);
    expect(added.err).toMatch(/cannot be added at run time/);
    const removed = await fairlead(["servers", "remove", "fix-1"]);
    expect(removed).toMatchObject({ code: 2, err: expect.stringMatching(/Take fix-1 out\?.*--yes/s) });
    expect((await fairlead(["servers", "drain", "nobody"])).err).toMatch(/nobody/);
  });

  it("are for operators: without the token, and with a wrong one, nothing happens", async () => {
    const elsewhere = { env: { XDG_STATE_HOME: "/nonexistent" } };
    expect(await fairlead(["servers"], elsewhere)).toMatchObject({
      code: 5,
      err: expect.stringMatching(/--key/),
    });
    expect((await fairlead(["servers", "--key", "wrong"], elsewhere)).err).toMatch(/not known here/);
  });
});

describe("the dashboard", () => {
  it("has a link that lets operators in, and nobody else gets one", async () => {
    const { code, out } = await fairlead(["dashboard"]);
    expect(code).toBe(0);
    const link = new URL(out.trim());
    expect(`${link.origin}${link.pathname}`).toBe(`${url}/admin/`);
    expect((await fetch(link)).headers.get("content-type")).toMatch(/^text\/html/);
    const authorization = `Bearer ${decodeURIComponent(link.hash.replace("#token=", ""))}`;
    expect((await fetch(`${url}/api/clients`, { headers: { authorization } })).status).toBe(200);
    expect(JSON.parse((await fairlead(["dashboard", "--json"])).out)).toEqual({ url: out.trim() });
    expect(await fairlead(["dashboard", "--key", "wrong"])).toMatchObject({ code: 5, out: "" });
  });
});

describe("clients", () => {
  it("are listed with what they used", async () => {
    await fairlead(["call", "fix__echo", "--arg", "message=hi"]);
    expect((await fairlead(["clients"])).out).toMatch(/CLIENT +KNOWN BY +STATE/);
    const { out } = await fairlead(["clients", "--json"]);
    expect((JSON.parse(out) as { clients: unknown[] }).clients.length).toBeGreaterThan(0);
  });

  it("get keys whose hash is what the configuration takes", async () => {
    const { out } = await fairlead(["clients", "key", "alice", "--json"]);
    const { key, keySha256 } = JSON.parse(out) as { key: string; keySha256: string };
    const { createHash } = await import("node:crypto");
    expect(createHash("sha256").update(key).digest("hex")).toBe(keySha256);
    expect((await fairlead(["clients", "key", "bob"])).out).toMatch(/bob: \{ keySha256: [0-9a-f]{64} \}/);
  });
});

describe("config", () => {
  it("check shows the line that is wrong, and exits with 2", async () => {
    const broken = join(directory.path, "broken.yaml");
    await writeFile(broken, "pools:\n  files:\n    stratgy: random\n    upstreams:\n      - command: node\n");
    const { code, out } = await fairlead(["config", "check", broken]);
    expect(code).toBe(2);
    expect(out.replaceAll(directory.path, "")).toBe(
      [
        'error: pools.files.stratgy: unknown key "stratgy"; did you mean "strategy"?',
        "  --> /broken.yaml:3:5",
        "   3 |     stratgy: random",
        "     |     ^",
        "",
        "/broken.yaml cannot be used: 1 error, 0 warnings, 0 recommendations",
        "",
      ].join("\n"),
    );
    expect((await fairlead(["config", "check", file])).code).toBe(0);
    expect((await fairlead(["config", "check", join(directory.path, "none.yaml")])).out).toMatch(
      /cannot be read/,
    );
  });

  it("import takes the servers of other programs over without their secrets, and the result checks", async () => {
    const source = join(directory.path, "mcp.json");
    await writeFile(
      source,
      JSON.stringify({
        mcpServers: { files: { command: "npx", args: ["-y", "x@1.2.3"], env: { API_TOKEN: "hidden-1" } } },
      }),
    );
    const target = join(directory.path, "imported.yaml");
    const { code, err } = await fairlead(["config", "import", source, "--output", target]);
    expect({ code, err }).toEqual({ code: 0, err: expect.stringContaining("API_TOKEN") });
    expect(await readFile(target, "utf8")).not.toContain("hidden-1");
    expect((await fairlead(["config", "check", target], { env: { API_TOKEN: "x" } })).code).toBe(0);
    expect((await fairlead(["config", "import", source, "--output", target])).err).toMatch(
      /is there already/,
    );
  });

  it("show, reload, schema and export answer", async () => {
    expect((await fairlead(["config", "show"])).out).toMatch(/pools:\n {2}fix:/);
    expect((await fairlead(["config", "reload"])).out).toBe("applied: nothing is different\n");
    expect(JSON.parse((await fairlead(["config", "schema"])).out)).toMatchObject({
      title: expect.stringContaining("Fairlead"),
    });
    expect(JSON.parse((await fairlead(["config", "export", "--host", "cursor"])).out)).toEqual({
      mcpServers: { fairlead: { url: `${url}/mcp` } },
    });
  });
});

describe("connect", () => {
  it("writes the host's file, keeps what is there and a copy, and does nothing twice", async () => {
    await mkdir(join(directory.path, ".cursor"), { recursive: true });
    const target = join(directory.path, ".cursor", "mcp.json");
    await writeFile(target, '{\n  // mine\n  "mcpServers": { "other": { "command": "x" } }\n}\n');
    const dry = await fairlead(["connect", "cursor", "--dry-run"]);
    expect(dry).toMatchObject({ code: 0, out: expect.stringContaining("Nothing was written") });
    expect(await readFile(target, "utf8")).not.toContain("fairlead");
    expect((await fairlead(["connect", "cursor"])).err).toMatch(/--yes/);
    expect((await fairlead(["connect", "cursor", "--yes"])).code).toBe(0);
    const written = await readFile(target, "utf8");
    expect(written).toContain("// mine");
    expect(written).toContain('"other"');
    expect(written).toContain(`${url}/mcp`);
    expect((await readdir(join(directory.path, ".cursor"))).some((name) => name.endsWith(".bak"))).toBe(true);
    expect((await fairlead(["connect", "cursor", "--yes"])).out).toMatch(/nothing to do/);
    expect((await fairlead(["connect", "cursor", "--remove", "--yes"])).code).toBe(0);
    expect(await readFile(target, "utf8")).not.toContain(url);
  });

  it("knows what the host is likely to be, and needs one where nobody can be asked", async () => {
    expect((await fairlead(["connect", "cursr"])).err).toMatch(/did you mean cursor/);
    expect((await fairlead(["connect"])).err).toMatch(/no host given/);
    expect((await fairlead(["connect", "claude", "--dry-run"])).code).toBe(0);
  });
});

describe("verify", () => {
  it("runs what is safe, sees the balance, takes a server out, and exits by what it found", async () => {
    const { code, out } = await fairlead(["verify", "--failover"]);
    expect(out).toMatch(/✓ fix health +fix-1 is ready/);
    expect(out).toMatch(
      /✓ every balance +16 calls: every-1 8, every-2 8 \(round-robin\)|every balance +one server|every balance +no read-only/,
    );
    expect(out).toMatch(/fix failover +fix-1 was taken out: 0 of 16 calls failed/);
    expect(out).toMatch(/tools are not annotated as read-only and were not run/);
    expect({ code, failed: /(\d+) failed/.exec(out.split("\n").at(-2) ?? "")?.[1] }).toEqual({
      code: 0,
      failed: "0",
    });
  });

  it("fails when a server is down", async () => {
    await fairlead(["servers", "drain", "fix-2"]);
    const { code, out } = await fairlead(["verify", "--pool", "fix"]);
    expect(code).toBe(6);
    expect(out).toMatch(/✗ fix health +fix-2 is draining/);
    await fairlead(["servers", "undrain", "fix-2"]);
  });
});

describe("doctor", () => {
  it("finds nothing to complain about at a healthy gateway", async () => {
    const { code, out } = await fairlead(["doctor", "--config", file]);
    expect(out).toMatch(/✓ MCP +a client can connect, and sees \d+ tools/);
    expect(code).toBe(0);
  });

  it.each([
    [
      "nothing listens",
      "http://127.0.0.1:1",
      /✗ Network +nothing listens at 127\.0\.0\.1:1.*next: start the gateway/s,
    ],
    [
      "the name is unknown",
      "http://no-such-host.invalid:3005",
      /✗ Network +the name no-such-host\.invalid has no address/,
    ],
    ["the path is wrong", "PATH", /✗ MCP.*next: the path is wrong/s],
  ])("says so when %s", async (_what, target, pattern) => {
    const at = target === "PATH" ? `${url}/mcp/nowhere` : target;
    const { code, out } = await fairlead(["doctor", "--url", at, "--config", "none.yaml"]);
    expect(out).toMatch(pattern);
    expect(code).toBe(5);
  });
});

describe("top, logs and completion", () => {
  it("show rates and latencies between two looks", async () => {
    const { out } = await fairlead(["top", "--once"], {
      onSleep: async () => {
        await fairlead(["call", "fix__echo", "--arg", "message=x"]);
        // The metrics are rendered at most once a second.
        await new Promise((resolve) => setTimeout(resolve, 1_100));
      },
    });
    expect(out).toMatch(/\d+\.\d requests\/s/);
    expect(out).toMatch(/POOL +SERVER +STATE +BREAKER/);
    expect(out).toMatch(/\d ms/);
  });

  it("show what happened, and what happens from then on", async () => {
    await fairlead(["servers", "undrain", "fix-1"]);
    expect((await fairlead(["logs"])).out).toMatch(/admin-change .*operation=undrainServer/);
    const io = captureIo({ env: { XDG_STATE_HOME: directory.path, FAIRLEAD_URL: url } });
    const following = run(["logs", "--follow", "-n", "1"], io);
    await waitUntil(
      async () => {
        await fairlead(["servers", "undrain", "fix-2"]);
        return /id=fix-2|"id":"fix-2"/.test(io.out());
      },
      { timeoutMs: 15_000, what: "the event to be shown" },
    );
    io.pressCtrlC();
    expect(await following).toBe(0);
  });

  it.each(["bash", "zsh", "fish"])("are completed in %s, subcommands and options too", async (shell) => {
    const { code, out } = await fairlead(["completion", shell]);
    expect(code).toBe(0);
    for (const word of ["servers", "failover", shell === "fish" ? "-l persist" : "--persist", "verify"])
      expect(out).toContain(word);
    if (shell !== "bash") return;
    const script = `${out}\nCOMP_WORDS=(fairlead servers dr); COMP_CWORD=2; _fairlead; echo "\${COMPREPLY[@]}"`;
    const { stdout } = await promisify(execFile)("bash", ["-c", script]);
    expect(stdout.trim()).toBe("drain");
  });
});

it("resources and prompts are listed and fetched", async () => {
  const mcp = ["--url", `${url}/mcp/every`];
  expect((await fairlead(["resources", ...mcp])).out).toMatch(/resources and templates/);
  expect((await fairlead(["prompts", ...mcp])).out).toMatch(/prompts\n$/);
});
