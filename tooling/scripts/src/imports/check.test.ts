import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type PackageRow, packageTable } from "../package-table.ts";
import { checkImports } from "./check.ts";

const table: readonly PackageRow[] = [
  { folder: "packages/base", name: "@x/base", workspace: [], npm: [] },
  {
    folder: "packages/top",
    name: "@x/top",
    workspace: ["@x/base", "@x/app"],
    npm: ["undici"],
    onlyFrom: { "@x/app": ["src/serve.ts"] },
  },
  { folder: "apps/app", name: "@x/app", workspace: ["@x/base"], npm: [] },
];

let root: string;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "fairlead-imports-")));
  write("packages/base/package.json", '{ "name": "@x/base" }');
  write("packages/base/src/index.ts", 'import { join } from "node:path";\nexport { join };\n');
  write(
    "packages/top/package.json",
    '{ "name": "@x/top", "dependencies": { "@x/base": "*", "undici": "*" } }',
  );
  write(
    "packages/top/src/index.ts",
    'export { join } from "@x/base/sub";\nexport type { Pool } from "undici";\n',
  );
  write("packages/top/src/serve.ts", 'export const serve = () => import("@x/app");\n');
  write(
    "packages/top/test/all.test.ts",
    'import "vitest";\nimport "@x/bench";\nimport "@x/app";\nimport "../src/index.ts";\n',
  );
  write("apps/app/package.json", '{ "name": "@x/app" }');
  write("apps/app/src/index.ts", 'import "@x/base";\nimport "@x/app/self";\n');
  write("tooling/bench/package.json", '{ "name": "@x/bench" }');
});
afterEach(() => rmSync(root, { recursive: true }));

function write(file: string, text: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
}

function violationsWith(file: string, text: string): readonly string[] {
  write(file, text);
  return checkImports(root, table).violations;
}

describe("the import check", () => {
  it("passes a tree that keeps to its table", () => {
    expect(checkImports(root, table)).toEqual({ violations: [], files: 5, packages: 3 });
  });

  it("passes this repository", () => {
    const repository = fileURLToPath(new URL("../../../..", import.meta.url));
    const { violations, files } = checkImports(repository, packageTable);
    expect(violations).toEqual([]);
    expect(files).toBeGreaterThan(5);
  });

  it.each([
    ["a static import", 'import { a } from "@x/top";'],
    ["a type import", 'import type { A } from "@x/top";'],
    ["a side-effect import", 'import "@x/top/sub";'],
    ["a named re-export", 'export { a } from "@x/top";'],
    ["a star re-export", 'export * from "@x/top";'],
    ["a dynamic import", 'export const a = () => import("@x/top");'],
    ["a dynamic import by template", "export const a = () => import(`@x/top`);"],
    ["an import type", 'export type A = import("@x/top").A;'],
    ["a required module", 'export const a = require("@x/top");'],
    ["a resolved module", 'export const a = import.meta.resolve("@x/top");'],
  ])("refuses %s of a workspace package outside the row", (_, code) => {
    const [violation, ...rest] = violationsWith("packages/base/src/a.ts", `\n\n${code}\n`);
    expect(rest).toEqual([]);
    expect(violation).toMatch(
      /^packages\/base\/src\/a\.ts:3: "@x\/top(\/sub)?" is not a workspace package that @x\/base may import \(allowed: none\)$/,
    );
  });

  it("refuses a row's package that the folder does not have yet, in tests too", () => {
    rmSync(join(root, "apps/app"), { recursive: true });
    expect(violationsWith("packages/base/test/a.test.ts", 'import "@x/app";')).toEqual([
      'packages/base/test/a.test.ts:1: "@x/app" is not a workspace package that @x/base may import (allowed: none)',
    ]);
  });

  it("refuses a relative path into another package", () => {
    expect(violationsWith("packages/top/src/a.ts", 'import "../../base/src/index.ts";')).toEqual([
      'packages/top/src/a.ts:1: "../../base/src/index.ts" reaches into another package; import it by its name, if its row allows that',
    ]);
  });

  it("refuses an npm package outside the row, but not in a test", () => {
    write("packages/top/src/b.test.ts", 'import "left-pad";');
    expect(violationsWith("packages/top/src/a.ts", 'import "left-pad/x.js";')).toEqual([
      'packages/top/src/a.ts:1: "left-pad/x.js" is not an npm package that @x/top may import (allowed: undici)',
    ]);
  });

  it("refuses an app anywhere but where the row says, and tooling outside of tests", () => {
    expect(violationsWith("packages/top/src/a.ts", 'import "@x/app";\nimport "@x/bench";')).toEqual([
      'packages/top/src/a.ts:1: "@x/app" may be imported only from src/serve.ts',
      'packages/top/src/a.ts:2: "@x/bench" is not a workspace package that @x/top may import (allowed: @x/base, @x/app)',
    ]);
  });

  it.each(["dependencies", "peerDependencies", "optionalDependencies"])("refuses surplus %s", (group) => {
    const manifest = JSON.stringify({ name: "@x/base", [group]: { "left-pad": "*" } }, null, 2);
    expect(violationsWith("packages/base/package.json", manifest)).toEqual([
      'packages/base/package.json:4: dependency "left-pad" is not in the row of @x/base (allowed: none)',
    ]);
  });

  it("refuses a package without a row and a file that does not parse", () => {
    expect(violationsWith("packages/new/package.json", '{ "name": "@x/new" }')).toEqual([
      'packages/new/package.json:1: no row for packages/new as "@x/new"; add one to tooling/scripts/src/package-table.ts',
    ]);
    expect(() => violationsWith("packages/top/src/a.ts", "import {")).toThrow(SyntaxError);
  });
});
