// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax of references
// Ways to get a configuration wrong. What a person reads then is kept in broken-configurations.txt, to be looked at.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { checkConfig } from "../src/config/check.ts";
import { describeProblem } from "../src/config/error.ts";

const pool = "pools: { a: { upstreams: [{ command: x }] } }";
const one = (upstream: string): string => `pools:\n  a:\n    upstreams:\n      - ${upstream}\n`;
const sha = "0".repeat(64);

const BROKEN: readonly (readonly [string, string])[] = [
  ["an empty file", ""],
  ["a list instead of a mapping", "- command: node\n"],
  ["a bracket that is not closed", "pools: [\n"],
  ["a tab for indentation", "pools:\n\ta: {}\n"],
  ["the same key twice", `${pool}\n${pool}\n`],
  ["an anchor that does not exist", "pools: *missing\n"],
  ["no pools", "server: { port: 3005 }\n"],
  ["an empty list of pools", "pools: {}\n"],
  ["a misspelt section", `${pool}\nserevr: { port: 1 }\n`],
  ["a misspelt key of the server", `${pool}\nserver: { prot: 3005 }\n`],
  ["a misspelt key of a pool", "pools:\n  a:\n    stratgy: random\n    upstreams: [{ command: x }]\n"],
  ["a misspelt key of an upstream", one("{ comand: node }")],
  ["a key of another format", one("{ command: node, timeout: 10 }")],
  ["a pool without upstreams", "pools: { a: { upstreams: [] } }\n"],
  ["upstreams that are no list", "pools: { a: { upstreams: { command: x } } }\n"],
  ["an upstream that is only a text", one("node server.js")],
  ["an upstream with neither command nor url", one("{ weight: 2 }")],
  ["a URL without a scheme", one("{ url: localhost:8001/mcp }")],
  ["a URL of another scheme", one("{ url: ftp://example.com }")],
  ["an unknown transport", one("{ transport: websockets, url: ws://x }")],
  ["arguments in one text", one("{ command: node, args: server.js }")],
  ["a number where a text is meant", one("{ command: node, env: { PORT: 3005 } }")],
  ["a port out of range", `${pool}\nserver: { port: 99999 }\n`],
  ["a port as a text", `${pool}\nserver: { port: "3005" }\n`],
  ["a negative time", "pools: { a: { timeoutMs: -1, upstreams: [{ command: x }] } }\n"],
  ["a weight of zero", one("{ command: x, weight: 0 }")],
  ["a namespace with a space", "pools: { 'my pool': { upstreams: [{ command: x }] } }\n"],
  ["a namespace with the separator in it", "pools: { a__b: { upstreams: [{ command: x }] } }\n"],
  ["the gateway's own namespace", "pools: { fairlead: { upstreams: [{ command: x }] } }\n"],
  ["a separator that names cannot have", `${pool}\nseparator: "/"\n`],
  [
    "an id that is given twice",
    "pools:\n  a:\n    upstreams:\n      - { id: x, command: a }\n      - { id: x, command: b }\n",
  ],
  ["an unknown strategy", "pools: { a: { strategy: round-robbin, upstreams: [{ command: x }] } }\n"],
  [
    "options that the strategy does not have",
    "pools: { a: { strategy: ring-hash, strategyOptions: { replicas: -5 }, upstreams: [{ command: x }] } }\n",
  ],
  ["a variable that is not set", one("{ command: x, env: { TOKEN: '${NOT_SET}' } }")],
  ["a secret file that does not exist", `${pool}\nadmin: { token: "\${file:/nowhere/token}" }\n`],
  ["a secret in the file", `${pool}\nadmin: { token: my-secret-token }\n`],
  ["a client without a key", `${pool}\nclients: { known: { alice: { priority: 3 } } }\n`],
  ["a hash that is none", `${pool}\nclients: { known: { alice: { keySha256: abc } } }\n`],
  [
    "a priority out of range",
    `${pool}\nclients: { known: { alice: { keySha256: "${sha}", priority: 12 } } }\n`,
  ],
  [
    "a client's view that does not exist",
    `${pool}\nviews: { docs: {} }\nclients: { known: { alice: { keySha256: "${sha}", view: doc } } }\n`,
  ],
  ["a view with the name of a pool", `${pool}\nviews: { a: { readOnly: true } }\n`],
  ["a view of a pool that does not exist", `${pool}\nviews: { docs: { pools: [b] } }\n`],
  ["an address for all without keys", `${pool}\nserver: { host: 0.0.0.0 }\n`],
  ["the same port twice", `${pool}\nadmin: { listen: { port: 3005 } }\n`],
  ["an unknown preset", `${pool}\nextends: production-smal\n`],
  ["a file that extends itself", `${pool}\nextends: ./broken.yaml\n`],
  ["a misspelt key of LM Studio", "lmStudio: { host: [http://localhost:1234] }\n"],
  ["a host without a scheme", "lmStudio: { hosts: [localhost:1234] }\n"],
  ["a host that is no list", "lmStudio: { hosts: http://localhost:1234 }\n"],
  ["a token in the file", "lmStudio: { apiToken: lm-secret }\n"],
  ["a library without a name", "rag: { roots: [docs] }\n"],
  ["a misspelt key of a library", "rag: { docs: { root: [docs] } }\n"],
  ["a misspelt key of embeddings", "rag: { docs: { embeddings: { modle: nomic } } }\n"],
  ["a database's password in the file", "rag: { docs: { store: 'postgres://me:secret@db/rag' } }\n"],
  ["a wrong option of a library's pool", "rag: { docs: { pool: { strategy: round-robbin } } }\n"],
  ["a library with the name of a pool", `${pool}\nrag: { a: { roots: [docs] } }\n`],
  ["an unknown level", `${pool}\nlogging: { level: verbose }\n`],
  [
    "a wrong time in a list of servers",
    "servers:\n  a: { url: http://x/mcp, namespace: a, timeout: ten }\nglobal_settings: {}\n",
  ],
];

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "fairlead-broken-"));
});
afterAll(() => rm(directory, { recursive: true }));

async function errorsOf(text: string): Promise<string> {
  const file = join(directory, "broken.yaml");
  await writeFile(file, text);
  const { errors } = await checkConfig(file, {});
  return (
    errors
      .map((problem) => describeProblem(file, problem))
      .join("\n")
      .replaceAll(directory, "")
      // The list of all keys grows with every option, and is not what this is about.
      .replaceAll(/allowed here: .*/g, "allowed here: …")
  );
}

it.each(BROKEN)("says in one screen what is wrong with %s", async (_what, text) => {
  const message = await errorsOf(text);
  const lines = message.split("\n");
  expect(lines.length).toBeLessThanOrEqual(10);
  for (const line of lines) {
    expect(line).toMatch(/^\/broken\.yaml(:\d+:\d+)?: /);
    expect(line.length).toBeLessThan(400);
    // Each says what to do: an instruction, an alternative, or what is allowed.
    expect(line).toMatch(/;|must |write|did you mean|allowed/);
  }
});

it("reads like this", async () => {
  const parts: string[] = [];
  for (const [what, text] of BROKEN)
    parts.push(`# ${what}\n${text.trimEnd().replaceAll(/^/gm, "    ")}\n\n${await errorsOf(text)}\n`);
  await expect(parts.join("\n")).toMatchFileSnapshot("broken-configurations.txt");
});
