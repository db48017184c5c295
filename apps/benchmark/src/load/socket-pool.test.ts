import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { createSocketPool, parseAnswer } from "./socket-pool.ts";

it("reads answers of a stated length and in chunks, cut anywhere", () => {
  const lengths = "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 5\r\n\r\nhello";
  const chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
  for (const [text, status] of [
    [lengths, 503],
    [chunks, 200],
  ] as const) {
    for (let cut = 0; cut < text.length - 2; cut++) {
      const answer = parseAnswer(text.slice(0, cut));
      if (answer !== undefined) throw new Error(`answered after ${cut} bytes`);
    }
    expect(parseAnswer(text)).toMatchObject({ status, body: "hello" });
  }
  expect(parseAnswer(lengths)?.header("retry-after")).toBe("1");
});

it("keeps to its sockets, uses them again, and gives each request its own answer", async () => {
  const sockets = new Set<unknown>();
  const server = createServer((request, response) => {
    sockets.add(request.socket);
    let text = "";
    request.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on("end", () => setTimeout(() => response.end(`${text} – back`), Number(text) % 3));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const pool = createSocketPool("127.0.0.1", (server.address() as AddressInfo).port, 2);
  const head = "POST / HTTP/1.1\r\nhost: localhost\r\n";
  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_, at) => (await pool.send(head, String(at))).body),
  );
  expect(answers).toEqual(Array.from({ length: 20 }, (_, at) => `${at} – back`));
  expect(sockets.size).toBe(2);
  expect(pool.waiting).toBe(0);
  pool.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  const lost = createSocketPool("127.0.0.1", 1, 1);
  await expect(lost.send(head, "")).rejects.toThrow();
  lost.close();
});
