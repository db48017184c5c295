// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax of references
// The formats that a configuration may come in, and what they become.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkConfig } from "./check.ts";
import { loadConfig } from "./load.ts";
import { poolsOfMcpServers, withoutLiteralSecrets } from "./mcp-servers.ts";

const examples = fileURLToPath(new URL("../../../../examples/", import.meta.url));
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "fairlead-formats-"));
});
afterAll(() => rm(directory, { recursive: true }));

async function load(
  name: string,
  text: string,
  environment: NodeJS.ProcessEnv = {},
): ReturnType<typeof loadConfig> {
  const file = join(directory, name);
  await writeFile(file, text);
  return loadConfig(file, environment);
}

describe("a list of servers", () => {
  it("loads unchanged: times in seconds, bearer tokens, replicas by namespace, disabled ones without their secrets", async () => {
    const { multiplexer, gateway, secrets } = await loadConfig(
      join(examples, "config/multi_server_config.yaml"),
      {
        WEATHER_API_TOKEN: "weather-secret",
      },
    );
    expect(multiplexer.pools).toMatchObject([
      {
        namespace: "weather",
        timeoutMs: 10_000,
        maxAttempts: 4,
        healthCheck: { intervalMs: 30_000 },
        restart: { baseDelayMs: 5_000 },
        breaker: { failureThreshold: 5, resetTimeoutMs: 60_000, halfOpenMaxCalls: 3 },
        upstreams: [
          {
            id: "weather_primary",
            url: "http://localhost:8001/mcp",
            priority: 1,
            maxConcurrency: 10,
            headers: { authorization: "Bearer weather-secret" },
          },
          { id: "weather_backup", priority: 2 },
        ],
      },
      { namespace: "database", timeoutMs: 30_000, upstreams: [{ id: "database", enabled: false }] },
    ]);
    expect(gateway.logging.level).toBe("info");
    expect(gateway.metrics.enabled).toBe(true);
    expect([...secrets]).toEqual(["weather-secret"]);
  });

  it("may also have its servers at the top, and takes LOG_LEVEL from the environment", async () => {
    const text = `
server_name:
  url: "http://server:8080/mcp"
  transport: "streamable-http"
  priority: 1
  namespace: "unique_namespace"
  enabled: true
  health_check_interval: 30
  max_retries: 3
  timeout: 10
  auth: { type: "bearer", token: "\${ENV_VAR}" }
global_settings: { default_timeout: 30, log_level: "WARNING" }
`;
    const environment = { ENV_VAR: "s3cret-token" };
    const { multiplexer, gateway } = await load("seed.yaml", text, environment);
    expect(multiplexer.pools).toMatchObject([
      { namespace: "unique_namespace", upstreams: [{ id: "server_name" }] },
    ]);
    expect(gateway.logging.level).toBe("warn");
    const debug = await load("seed.yaml", text, { ...environment, LOG_LEVEL: "DEBUG" });
    expect(debug.gateway.logging.level).toBe("debug");
  });

  it("names the line of what is wrong in it", async () => {
    const text =
      "servers:\n  a:\n    url: http://x/mcp\n    namespace: a\n    health_check_intervall: 3\nglobal_settings: {}\n";
    await expect(load("wrong.yaml", text)).rejects.toThrow(
      /wrong\.yaml:5:5: servers\.a\.health_check_intervall: unknown key .*did you mean "health_check_interval"\?/,
    );
    await expect(
      load(
        "literal.yaml",
        text.replace("health_check_intervall: 3", "auth: { type: bearer, token: literal }"),
      ),
    ).rejects.toThrow(/servers\.a\.auth\.token: holds the secret itself/);
  });
});

describe("files of other programs", () => {
  const mcpServers = {
    mcpServers: {
      files: { command: "npx", args: ["-y", "@modelcontextprotocol/server-filesystem@2026.8.31", "/tmp"] },
      "remote one": { url: "https://mcp.example/mcp", headers: { Authorization: "Bearer abc-def-ghi" } },
      off: { command: "x", disabled: true },
      keyed: { command: "x", env: { API_KEY: "very-secret", MODE: "fast" } },
    },
  };

  it("serve as they are: mcpServers of LM Studio, Claude and Cursor", async () => {
    const { multiplexer } = await load("mcp.json", JSON.stringify(mcpServers));
    expect(multiplexer.pools).toMatchObject([
      { namespace: "files", upstreams: [{ transport: "stdio", command: "npx" }] },
      { namespace: "remote-one", upstreams: [{ transport: "streamable-http" }] },
      { namespace: "off", upstreams: [{ enabled: false }] },
      { namespace: "keyed" },
    ]);
  });

  it("serve as they are: servers of VS Code, whose inputs become variables", async () => {
    const vscode = {
      inputs: [{ id: "api-key", type: "promptString" }],
      servers: {
        web: { type: "http", url: "https://x.example/mcp", headers: { "X-Api-Key": "${input:api-key}" } },
      },
    };
    const { multiplexer, secrets } = await load("vscode.json", JSON.stringify(vscode), {
      API_KEY: "from-env-123",
    });
    expect(multiplexer.pools).toMatchObject([
      { namespace: "web", upstreams: [{ headers: { "X-Api-Key": "from-env-123" } }] },
    ]);
    expect([...secrets]).toEqual(["from-env-123"]);
  });

  it("may stand inside of our own format, beside pools", async () => {
    const { multiplexer } = await load(
      "both.yaml",
      `mcpServers: { one: { command: a } }\npools: { two: { upstreams: [{ command: b }] } }\n`,
    );
    expect(multiplexer.pools.map(({ namespace }) => namespace)).toEqual(["one", "two"]);
  });

  it("lose their literal secrets when they are imported", () => {
    const { pools, variables } = withoutLiteralSecrets(poolsOfMcpServers(mcpServers));
    expect(JSON.stringify(pools)).not.toMatch(/abc-def-ghi|very-secret/);
    expect(pools).toMatchObject({
      "remote-one": { upstreams: [{ headers: { Authorization: "Bearer ${REMOTE_ONE_AUTHORIZATION}" } }] },
      keyed: { upstreams: [{ env: { API_KEY: "${API_KEY}", MODE: "fast" } }] },
    });
    expect(variables).toEqual(["REMOTE_ONE_AUTHORIZATION", "API_KEY"]);
  });

  it("and every example of a client's file can be read", async () => {
    const { globSync, readFileSync } = await import("node:fs");
    for (const file of globSync(join(examples, "clients/*.json"))) {
      const pools = poolsOfMcpServers(JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>);
      expect(Object.keys(pools), file).toEqual(["fairlead"]);
    }
  });
});

describe("modules, presets and references", () => {
  it("a TypeScript module's default export is a configuration, also after it changed", async () => {
    const file = join(directory, "config.ts");
    const text = (replicas: number): string =>
      `const n: number = ${replicas};\nexport default { pools: { a: { upstreams: Array.from({ length: n }, () => ({ command: "x" })) } } };\n`;
    // In a process of its own, because the test runner has its own way with TypeScript.
    const script = `
      import { utimes, writeFile } from "node:fs/promises";
      import { loadConfig } from "@fairlead/gateway";
      const counts = [];
      for (const [at, text] of ${JSON.stringify([text(2), text(3)])}.entries()) {
        await writeFile(${JSON.stringify(file)}, text);
        await utimes(${JSON.stringify(file)}, 1, 1 + at);
        counts.push((await loadConfig(${JSON.stringify(file)})).multiplexer.pools[0].upstreams.length);
      }
      await writeFile(${JSON.stringify(file)}, "export const x = 1;");
      counts.push(await loadConfig(${JSON.stringify(file)}).catch((error) => error.message));
      console.log(JSON.stringify(counts));`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--conditions=@fairlead/source", "--input-type=module", "--eval", script],
      { cwd: fileURLToPath(new URL("../..", import.meta.url)) },
    );
    expect(JSON.parse(stdout)).toEqual([2, 3, expect.stringMatching(/no configuration as default export/)]);
  });

  it("extends adds to presets and to other files; what the file says wins", async () => {
    await writeFile(
      join(directory, "base.yaml"),
      "logging: { level: debug }\npools: { base: { upstreams: [{ command: b }] } }\n",
    );
    const { multiplexer, gateway } = await load(
      "child.yaml",
      "extends: [high-availability, ./base.yaml]\npools:\n  own: { maxQueue: 7, upstreams: [{ command: x }] }\n",
    );
    expect(gateway.logging.level).toBe("debug");
    expect(multiplexer.pools).toMatchObject([
      { namespace: "base", maxAttempts: 5, maxQueue: 2_000 },
      { namespace: "own", maxAttempts: 5, maxQueue: 7, healthCheck: { intervalMs: 2_000 } },
    ]);
    await expect(load("loop.yaml", "extends: ./loop.yaml\npools: {}\n")).rejects.toThrow(
      /leads back to this file/,
    );
    await expect(load("typo.yaml", "extends: production-smal\npools: {}\n")).rejects.toThrow(
      /typo\.yaml:1:1: extends: there is no preset "production-smal"; did you mean "production-small"\?/,
    );
  });

  it("secrets come from the environment and from files, and are known as secrets", async () => {
    await writeFile(join(directory, "secret.txt"), "from-a-file\n");
    const { multiplexer, secrets } = await load(
      "secrets.yaml",
      'pools: { a: { upstreams: [{ url: "http://${HOST}/mcp", headers: { authorization: "Bearer ${env:TOKEN}", x-other: "${file:secret.txt}" } }] } }\n',
      { HOST: "localhost:1", TOKEN: "from-the-env" },
    );
    expect(multiplexer.pools[0]?.upstreams[0]).toMatchObject({
      url: "http://localhost:1/mcp",
      headers: { authorization: "Bearer from-the-env", "x-other": "from-a-file" },
    });
    expect([...secrets].sort()).toEqual(["from-a-file", "from-the-env"]);
    await expect(
      load("missing.yaml", 'pools: { a: { upstreams: [{ command: "${file:nowhere}" }] } }\n'),
    ).rejects.toThrow(/the file .*nowhere cannot be read/);
  });
});

describe("checkConfig", () => {
  it("warns about secrets in the file, packages without a version, and code in arguments; recommends the rest", async () => {
    await writeFile(
      join(directory, "check.yaml"),
      [
        "pools:",
        "  a:",
        "    upstreams:",
        "      - { command: npx, args: [-y, some-server] }",
        "      - { url: https://x.example/mcp, headers: { authorization: Bearer literal-token } }",
        "      - { command: node, args: [-e, '1'] }",
        "protection: { toolDefinitions: off }",
        "",
      ].join("\n"),
    );
    const { errors, warnings, recommendations } = await checkConfig(join(directory, "check.yaml"), {});
    expect(errors).toEqual([]);
    expect(warnings).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ line: 5, message: expect.stringContaining("a secret stands in the file") }),
        expect.objectContaining({
          line: 4,
          message: expect.stringContaining("some-server is run in whatever version"),
        }),
        expect.objectContaining({
          line: 6,
          message: expect.stringContaining("runs code that is not the server's"),
        }),
      ]),
    );
    expect(recommendations).toEqual(
      expect.arrayContaining([expect.objectContaining({ path: "protection.toolDefinitions", line: 7 })]),
    );
  });
});
