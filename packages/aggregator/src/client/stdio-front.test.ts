import { PassThrough, Writable } from "node:stream";
import { expect, it } from "vitest";
import { createMultiplexer } from "../multiplexer.ts";

it("does not read on while a client leaves megabytes of answers unread, and reads on when it does", async () => {
  await using multiplexer = createMultiplexer({
    pools: [{ namespace: "p", upstreams: [{ transport: "stdio", command: "never-started" }] }],
  });
  const input = new PassThrough();
  const held: (() => void)[] = [];
  let isReading = false;
  let answers = 0;
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      answers += chunk.toString().split("\n").length - 1;
      if (isReading) done();
      else held.push(done);
    },
  });
  const served = multiplexer.serveStdio(input, output);
  // Each answer repeats the method's name.
  const method = "m".repeat(100_000);
  const requests = 400;
  for (let id = 1; id <= requests; id++) input.write(`${JSON.stringify({ jsonrpc: "2.0", id, method })}\n`);
  input.end();
  await expect.poll(() => input.isPaused()).toBe(true);
  expect(output.writableLength).toBeLessThan(10 * 1024 * 1024);
  expect(input.readableLength + input.writableLength).toBeGreaterThan(0);
  isReading = true;
  for (const done of held.splice(0)) done();
  await served;
  await expect.poll(() => answers).toBe(requests);
});
