import { expect, it } from "vitest";
import type { PackageRow } from "../package-table.ts";
import { judgeTree, type Lockfile } from "./dependency-tree.ts";

const table: readonly PackageRow[] = [
  { folder: "packages/base", name: "@x/base", workspace: [], npm: [] },
  { folder: "packages/top", name: "@x/top", workspace: ["@x/base"], npm: ["allowed"] },
];

const packages: Lockfile["packages"] = {
  "": {},
  "node_modules/@x/top": { resolved: "file:../top.tgz", dependencies: { "@x/base": "^1", allowed: "^1" } },
  "node_modules/@x/base": { resolved: "file:../base.tgz" },
  "node_modules/allowed": { dependencies: { deep: "^1" }, optionalDependencies: { absent: "^1" } },
  "node_modules/allowed/node_modules/deep": { dependencies: { shared: "^1" } },
  "node_modules/shared": {},
};

it("accepts what the rows list, and what these packages need themselves", () => {
  expect(judgeTree({ packages }, table, "@x/top")).toEqual({
    installed: ["@x/base", "@x/top", "allowed", "deep", "shared"],
    surplus: [],
    fetched: [],
  });
});

it("names what a row does not list, however deep the package is that brings it", () => {
  const lock = {
    packages: {
      ...packages,
      "node_modules/@x/base": { resolved: "file:../base.tgz", dependencies: { extra: "^1" } },
      "node_modules/extra": { dependencies: { "extra-deep": "^1" } },
      "node_modules/extra-deep": {},
    },
  };
  expect(judgeTree(lock, table, "@x/top").surplus).toEqual([
    "extra (a dependency of @x/base)",
    "extra-deep (allowed by no row)",
  ]);
});

it("refuses a workspace package outside the row, and one that came from a registry", () => {
  const lock = {
    packages: {
      "": {},
      "node_modules/@x/base": { resolved: "file:../base.tgz", dependencies: { "@x/top": "^1" } },
      "node_modules/@x/top": { resolved: "https://example.test/top.tgz" },
    },
  };
  const { surplus, fetched } = judgeTree(lock, table, "@x/base");
  expect(surplus).toEqual(["@x/top (a dependency of @x/base)"]);
  expect(fetched).toEqual(["@x/top"]);
});
