// pnpm new:strategy <name>            a built-in strategy of @fairlead/balancer
// pnpm new:strategy <name> --package  a package of its own, fairlead-strategy-<name>, in the current folder
// What is made passes the conformance kit as it stands; from there it can be changed in small steps.
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    package: { type: "boolean", default: false },
    // Where the balancer's sources are, or where the package's folder goes.
    into: { type: "string" },
  },
});
const [name] = positionals;
if (name === undefined || positionals.length > 1 || !/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
  console.error("usage: pnpm new:strategy <name-in-kebab-case> [--package] [--into <folder>]");
  process.exit(2);
}
const identifier = name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());

if (values.package) await createPackage(resolve(values.into ?? process.cwd(), `fairlead-strategy-${name}`));
else await createBuiltIn(resolve(values.into ?? join(import.meta.dirname, "../../../packages/balancer/src")));

async function createBuiltIn(sources: string): Promise<void> {
  const folder = join(sources, "strategies");
  await create(join(folder, `${name}.ts`), builtIn());
  const files = await readdir(folder);
  const names = files
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && file !== "index.ts")
    .map((file) => file.slice(0, -".ts".length))
    .sort();
  const index = join(folder, "index.ts");
  const registry = await readFile(index, "utf8");
  const imported = `import { ${identifier} } from "./${name}.ts";\n`;
  const entry = identifier === name ? `  ${name},\n` : `  "${name}": ${identifier},\n`;
  await writeFile(index, insert(insert(registry, names, imported, importOf), names, entry, entryOf));
  const entryPoint = join(sources, "index.ts");
  const exported = `export { ${identifier} } from "./strategies/${name}.ts";\n`;
  await writeFile(entryPoint, insert(await readFile(entryPoint, "utf8"), names, exported, exportOf));
  console.log(
    `Created src/strategies/${name}.ts; see that it passes: pnpm --filter @fairlead/balancer test conformance`,
  );
}

/** Puts `line` behind the line of the nearest earlier name that has one, or before that of the nearest later one. */
function insert(text: string, names: readonly string[], line: string, find: (of: string) => RegExp): string {
  const at = names.indexOf(name ?? "");
  for (const earlier of names.slice(0, at).reverse()) {
    const found = find(earlier).exec(text);
    if (found !== null)
      return text.slice(0, found.index + found[0].length) + line + text.slice(found.index + found[0].length);
  }
  for (const later of names.slice(at + 1)) {
    const found = find(later).exec(text);
    if (found !== null) return text.slice(0, found.index) + line + text.slice(found.index);
  }
  throw new Error(`no place found for: ${line}`);
}

function importOf(of: string): RegExp {
  return new RegExp(`^import \\{ \\w+ \\} from "\\./${of}\\.ts";\\n`, "m");
}

function entryOf(of: string): RegExp {
  return new RegExp(`^ {2}("${of}": \\w+|${of}),\\n`, "m");
}

function exportOf(of: string): RegExp {
  return new RegExp(`^export \\{[^}]*\\} from "\\./strategies/${of}\\.ts";\\n`, "m");
}

async function createPackage(folder: string): Promise<void> {
  if (existsSync(folder)) fail(`${folder} exists already`);
  await mkdir(folder, { recursive: true });
  const manifest = {
    name: `fairlead-strategy-${name}`,
    version: "0.1.0",
    description: `Load-balancing strategy ${name} for Fairlead`,
    license: "MIT",
    type: "module",
    keywords: ["fairlead", "fairlead-strategy"],
    exports: { ".": "./index.js" },
    files: ["index.js"],
    scripts: { test: "node --test" },
    peerDependencies: { "@fairlead/balancer": "^0.1.0" },
    devDependencies: { "@fairlead/balancer": "^0.1.0" },
  };
  await create(join(folder, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  await create(join(folder, "index.js"), packaged());
  await create(join(folder, "index.test.js"), packagedTest());
  await create(join(folder, "README.md"), packagedReadme());
  console.log(`Created ${folder}; then: cd ${folder} && npm install && npm test`);
}

async function create(path: string, text: string): Promise<void> {
  if (existsSync(path)) fail(`${path} exists already`);
  await writeFile(path, text, { flag: "wx" });
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

function builtIn(): string {
  return `// ${name}: say here why this strategy exists and where its rule comes from.
import { STRATEGY_API, type Strategy, type StrategyHost } from "../contract.ts";
import { createLeastBy, explainBy } from "./support/least-by.ts";
import { optionsOf } from "./support/options.ts";

/** The candidate with the fewest leases in flight per weight. Takes no options. */
export function ${identifier}(options: Record<string, never> | undefined, host: StrategyHost): Strategy {
  optionsOf("${name}", options, {});
  const { table } = host;
  const leastBy = createLeastBy(cost);

  return {
    name: "${name}",
    api: STRATEGY_API,
    pick: (candidates) => leastBy(candidates),
    explain: explainBy(cost),
  };

  function cost(slot: number): number {
    return ((table.inFlight[slot] as number) + 1) / (table.weight[slot] as number);
  }
}
`;
}

function packaged(): string {
  return `// ${name}: say here why this strategy exists and where its rule comes from.

/**
 * The candidate with the fewest leases in flight per weight; equals take turns.
 *
 * @type {import("@fairlead/balancer").StrategyFactory<undefined>}
 */
export default function ${identifier}(options, host) {
  if (options !== undefined) throw new RangeError(\`${name} takes no options, got \${JSON.stringify(options)}\`);
  const { table } = host;
  let turn = 0;

  return {
    name: "${name}",
    api: 1,
    pick(candidates) {
      let best = -1;
      let bestCost = Infinity;
      const start = turn;
      for (let seen = 0; seen < candidates.count; seen++) {
        const index = (start + seen) % candidates.count;
        const slot = candidates.slots[index];
        const cost = (table.inFlight[slot] + 1) / table.weight[slot];
        if (cost >= bestCost) continue;
        best = slot;
        bestCost = cost;
        turn = index + 1;
      }
      return best;
    },
  };
}
`;
}

function packagedTest(): string {
  return `import test from "node:test";
import { assertConformance } from "@fairlead/balancer/conformance";
import ${identifier} from "./index.js";

test("${name} keeps the contract", () => {
  assertConformance(${identifier});
});
`;
}

function packagedReadme(): string {
  return `# fairlead-strategy-${name}

A load-balancing strategy for [Fairlead](https://github.com/fairlead/fairlead).

Install it beside the gateway, and name it in the configuration of a pool: \`strategy: ${name}\`.
`;
}
