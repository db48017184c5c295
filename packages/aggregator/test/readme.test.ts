import { readFileSync } from "node:fs";
import { describeReadme } from "@fairlead/vitest-config/readme";
import { expect, it } from "vitest";

await describeReadme(new URL("../", import.meta.url));

it("README names every event", () => {
  const read = (file: string): string => readFileSync(new URL(`../${file}`, import.meta.url), "utf8");
  const [, union = ""] = /export type MultiplexerEvent =(.*?);\n\n/s.exec(read("src/events.ts")) ?? [];
  const types = [...union.matchAll(/type: ([^;]+);/g)].flatMap(([, names = ""]) =>
    [...names.matchAll(/"([a-z-]+)"/g)].map(([, name = ""]) => name),
  );
  expect(types.length).toBeGreaterThan(15);
  const readme = read("README.md");
  expect(types.filter((type) => !readme.includes(`\`${type}\``))).toEqual([]);
});
