import { describe, expect, it } from "vitest";
import { parseTaskRoutes, routeTask } from "./task-routes.ts";

const routes = parseTaskRoutes(
  "code|bug|c++=qwen/qwen2.5-coder-14b|small, creative|poem=mistralai/codestral-22b",
);

describe("task routes", () => {
  it("are read from a text", () => {
    expect(routes).toEqual([
      { task: "code", words: ["bug", "c++"], models: ["qwen/qwen2.5-coder-14b", "small"] },
      { task: "creative", words: ["poem"], models: ["mistralai/codestral-22b"] },
    ]);
    expect(parseTaskRoutes("")).toEqual([]);
    for (const text of ["code", "=x", "code=", "a=b=c"])
      expect(() => parseTaskRoutes(text)).toThrow(RangeError);
  });

  it.each([
    ["Write code to sort", undefined, "code"],
    ["There is a BUG, I think", undefined, "code"],
    ["Some C++, please", undefined, "code"],
    ["A poem about code", undefined, "code"],
    ["A creative text", undefined, "creative"],
    ["encode this", undefined, undefined],
    ["anything", "Creative", "creative"],
    ["code", "unknown", undefined],
  ])("%j for task %j is %j", (prompt, task, expected) => {
    expect(routeTask(routes, { prompt, task })?.task).toBe(expected);
  });
});
