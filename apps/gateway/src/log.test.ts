import { Writable } from "node:stream";
import { expect, it } from "vitest";
import { createLogger } from "./log.ts";

function collect(): { stream: NodeJS.WriteStream; text: () => string } {
  let text = "";
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  return {
    stream: Object.assign(stream, { isTTY: false, getColorDepth: () => 1 }) as unknown as NodeJS.WriteStream,
    text: () => text,
  };
}

it("writes one JSON object a line for machines, whatever is in the message", () => {
  const { stream, text } = collect();
  createLogger("info", stream).info({ upstream: "a" }, 'x\n{"level":60}');
  expect(text().trim().split("\n")).toHaveLength(1);
  expect(JSON.parse(text())).toMatchObject({ level: 30, upstream: "a", msg: 'x\n{"level":60}' });
});

it("writes short lines for a person, and lets no server steer the terminal", () => {
  const { stream, text } = collect();
  createLogger("debug", stream, true).debug("a: \u001b[2J\u0007hi");
  expect(text()).toMatch(/^\d\d:\d\d:\d\d debug a: \uFFFD\[2J\uFFFDhi\n$/);
});

it("leaves out what is below its level", () => {
  const { stream, text } = collect();
  createLogger("warn", stream).info("quiet");
  expect(text()).toBe("");
});
