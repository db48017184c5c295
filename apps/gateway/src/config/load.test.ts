import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError } from "./error.ts";
import { loadConfig } from "./load.ts";

let directory: string;
let file: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "fairlead-config-"));
  file = join(directory, "c.yaml");
});
afterAll(() => rm(directory, { recursive: true }));

async function load(text: string, environment: NodeJS.ProcessEnv = {}): ReturnType<typeof loadConfig> {
  await writeFile(file, text);
  return loadConfig(file, environment);
}

async function problemsOf(text: string, environment?: NodeJS.ProcessEnv): Promise<string[]> {
  const error: unknown = await load(text, environment).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ConfigError);
  return (error as ConfigError).message.replaceAll(file, "c.yaml").split("\n");
}

describe("loadConfig", () => {
  it("tells transports by their keys, and paths from the file's directory", async () => {
    const { gateway, multiplexer } = await load(`
pools:
  a:
    upstreams:
      - { command: node, args: [server.js] }
      - { url: "http://127.0.0.1:1/mcp" }
`);
    expect(gateway.server).toMatchObject({ host: "127.0.0.1", port: 3005, drainTimeoutMs: 30_000 });
    expect(multiplexer.pools).toMatchObject([
      {
        namespace: "a",
        upstreams: [
          { transport: "stdio", command: "node", cwd: directory },
          { transport: "streamable-http" },
        ],
      },
    ]);
  });

  it("fills in the environment, with defaults, and the file's own directory", async () => {
    const { multiplexer } = await load(
      // biome-ignore lint/suspicious/noTemplateCurlyInString: that is the syntax
      'pools: { a: { upstreams: [{ url: "http://${HOST:-localhost}/mcp", headers: { authorization: "Bearer ${TOKEN}" }, env: { D: "${FAIRLEAD_CONFIG_DIR}/x" } }] } }',
      { TOKEN: "secret" },
    );
    expect(multiplexer.pools[0]?.upstreams[0]).toMatchObject({
      url: "http://localhost/mcp",
      headers: { authorization: "Bearer secret" },
      env: { D: `${directory}/x` },
    });
  });

  it("names line, path and the likely key for a misspelt one", async () => {
    expect(
      await problemsOf("pools:\n  a:\n    stratgy: random\n    upstreams:\n      - { comand: node }\n"),
    ).toEqual(
      expect.arrayContaining([
        expect.stringMatching(
          /^c\.yaml:3:\d+: pools\.a\.stratgy: unknown key "stratgy"; did you mean "strategy"\?$/,
        ),
      ]),
    );
  });

  it("finds misspelt keys inside of upstreams", async () => {
    const problems = await problemsOf(
      "pools:\n  a:\n    upstreams:\n      - command: node\n        weigth: 2\n",
    );
    expect(problems).toEqual([
      expect.stringMatching(
        /^c\.yaml:5:\d+: pools\.a\.upstreams\[0\]\.weigth: unknown key "weigth"; did you mean "weight"\?$/,
      ),
    ]);
  });

  it("reports every problem at once", async () => {
    const problems = await problemsOf("server: { port: 99999 }\nseparator: '!'\npools: {}\n");
    expect(problems).toHaveLength(3);
  });

  it.each([
    ["pools: [", /c\.yaml:1:\d+: /],
    ["pools: { a: { upstreams: [] } }", /pools\.a\.upstreams/],
    ["pools: { 'a b': { upstreams: [{ command: x }] } }", /namespace must be/],
    ["{}", /pools/],
    ["pools: { a: { upstreams: [{ url: 'ftp://x' }] } }", /must begin with http/],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: that is the syntax
    ["pools: { a: { upstreams: [{ command: '${NOT_SET}' }] } }", /environment variable NOT_SET is not set/],
  ])("refuses %s", async (text, pattern) => {
    expect((await problemsOf(text)).join("\n")).toMatch(pattern);
  });

  it("names the likely strategy for a misspelt one, and how to install a contributed one", async () => {
    const [problem = ""] = await problemsOf(
      "pools:\n  a:\n    strategy: round-robbin\n    upstreams: [{ command: x }]\n",
    );
    expect(problem).toMatch(
      /^c\.yaml:3:\d+: pools\.a\.strategy: strategy "round-robbin": .*npm install fairlead-strategy-round-robbin/,
    );
    expect(problem).toMatch(/did you mean "round-robin"\?$/);
  });

  it("says how to name another file when there is none", async () => {
    await expect(loadConfig(join(directory, "missing.yaml"))).rejects.toThrow(/cannot be read.*--config/);
  });
});
