import { expect, it } from "vitest";
import { childEnvironment } from "./child-env.ts";

it("inherits an allow-list only, and what the configuration names", () => {
  const own = {
    PATH: "/bin",
    HOME: "/root",
    AWS_SECRET_ACCESS_KEY: "secret",
    NODE_OPTIONS: "--require x",
    LANG: "() { :; }; x",
  };
  expect(childEnvironment({ TOKEN: "t", HOME: "/srv" }, own)).toEqual({
    PATH: "/bin",
    HOME: "/srv",
    TOKEN: "t",
  });
});
