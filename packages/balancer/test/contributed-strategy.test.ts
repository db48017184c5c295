// The way of somebody who publishes a strategy: generate a package, pack it, install the tarball somewhere else, load it
// by name. No registry is asked: what is generated depends on nothing at run time.
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkConformance } from "../src/conformance/index.ts";
import { createBalancer, loadStrategy, type StrategyFactory } from "../src/index.ts";

const run = promisify(execFile);
const generator = fileURLToPath(new URL("../../../tooling/scripts/src/new-strategy.ts", import.meta.url));
const sources = fileURLToPath(new URL("../src", import.meta.url));
const options = { budgetNs: Number.POSITIVE_INFINITY };

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fairlead-strategy-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const failuresOf = (factory: StrategyFactory<never>) =>
  checkConformance(factory, options).filter(({ passed }) => !passed);

describe("pnpm new:strategy", () => {
  it("makes a package that can be packed, installed elsewhere, loaded by name and passes the kit", async () => {
    const app = join(folder, "app");
    await mkdir(app);
    await run(process.execPath, [generator, "calmest-first", "--package", "--into", folder]);
    const { stdout } = await run("npm", ["pack", "--pack-destination", app], {
      cwd: join(folder, "fairlead-strategy-calmest-first"),
    });
    await writeFile(join(app, "package.json"), JSON.stringify({ name: "app", private: true }));
    const install = ["install", "--offline", "--legacy-peer-deps", "--no-audit", "--no-fund", stdout.trim()];
    await run("npm", install, { cwd: app });

    // As a configuration's folder imports: a module there asks for the package by its name.
    await writeFile(
      join(app, "import.mjs"),
      "export const importModule = (specifier) => import(specifier);\n",
    );
    const { importModule } = (await import(pathToFileURL(join(app, "import.mjs")).href)) as {
      importModule: (specifier: string) => Promise<unknown>;
    };
    const factory = await loadStrategy("calmest-first", importModule);
    expect(await loadStrategy("fairlead-strategy-calmest-first", importModule)).toBe(factory);
    expect(failuresOf(factory)).toEqual([]);

    const balancer = createBalancer({ strategy: factory });
    for (const id of ["a", "b"]) balancer.add({ id });
    expect([balancer.acquire()?.endpointId, balancer.acquire()?.endpointId]).toEqual(["a", "b"]);
    expect(balancer.snapshot().strategy).toBe("calmest-first");
    await expect(loadStrategy("not-installed", importModule)).rejects.toMatchObject({
      code: "STRATEGY_UNKNOWN",
    });
  });

  it("makes a built-in strategy that is registered, exported and passes the kit, and overwrites nothing", async () => {
    const copy = join(folder, "src");
    await cp(sources, copy, { recursive: true });
    await run(process.execPath, [generator, "calmest-first", "--into", copy]);
    const made = (await import(pathToFileURL(join(copy, "strategies/calmest-first.ts")).href)) as {
      calmestFirst: StrategyFactory<never>;
    };
    expect(failuresOf(made.calmestFirst)).toEqual([]);
    const registry = await readFile(join(copy, "strategies/index.ts"), "utf8");
    expect(registry).toContain('import { calmestFirst } from "./calmest-first.ts";\n');
    expect(registry).toContain('  adaptive,\n  "calmest-first": calmestFirst,\n  "capability-based"');
    expect(await readFile(join(copy, "index.ts"), "utf8")).toContain(
      'export { calmestFirst } from "./strategies/calmest-first.ts";\n',
    );
    await expect(run(process.execPath, [generator, "calmest-first", "--into", copy])).rejects.toMatchObject({
      code: 1,
    });
  });

  it.each([["Not-Kebab"], ["../up"], ["1st"], [""]])("refuses the name %j", async (name) => {
    await expect(run(process.execPath, [generator, name, "--into", folder])).rejects.toMatchObject({
      code: 2,
    });
  });
});

describe("loadStrategy", () => {
  it("finds built-in strategies without importing anything", async () => {
    const importModule = () => Promise.reject(new Error("imported"));
    expect(createBalancer({ strategy: await loadStrategy("maglev", importModule) }).snapshot().strategy).toBe(
      "maglev",
    );
  });

  it.each([
    ["calm", "fairlead-strategy-calm"],
    ["fairlead-strategy-calm", "fairlead-strategy-calm"],
    ["@acme/fairlead-strategy-calm", "@acme/fairlead-strategy-calm"],
  ])("asks for %s as %s", async (name, expected) => {
    const asked: string[] = [];
    const factory = () => ({ name: "calm", api: 1, pick: () => 0 });
    const loaded = await loadStrategy(name, async (specifier) => {
      asked.push(specifier);
      return { default: factory };
    });
    expect(asked).toEqual([expected]);
    expect(loaded).toBe(factory);
  });

  it.each([
    ["has no default export", async () => ({}), "STRATEGY_INVALID"],
    ["exports an object", async () => ({ default: { name: "x" } }), "STRATEGY_INVALID"],
    ["is no module", async () => undefined, "STRATEGY_INVALID"],
    ["fails while it loads", () => Promise.reject(new SyntaxError("bad")), "STRATEGY_INVALID"],
    [
      "lacks something it imports",
      () =>
        Promise.reject(
          Object.assign(new Error("Cannot find package 'other'"), { code: "ERR_MODULE_NOT_FOUND" }),
        ),
      "STRATEGY_INVALID",
    ],
    [
      "is not installed",
      () =>
        Promise.reject(
          Object.assign(new Error("Cannot find package 'fairlead-strategy-calm'"), {
            code: "ERR_MODULE_NOT_FOUND",
          }),
        ),
      "STRATEGY_UNKNOWN",
    ],
  ])("refuses a package that %s", async (_what, importModule, code) => {
    await expect(loadStrategy("calm", importModule as () => Promise<unknown>)).rejects.toMatchObject({
      code,
      strategyName: "calm",
    });
  });

  it.each([["../calm"], ["/etc/calm"], ["file:calm"], ["calm/sub"], [""]])(
    "imports nothing for %j",
    async (name) => {
      const importModule = () => Promise.reject(new Error("imported"));
      await expect(loadStrategy(name, importModule)).rejects.toMatchObject({ code: "STRATEGY_UNKNOWN" });
    },
  );
});
