// A name that was public when its server was added, and is somewhere else by the time that the gateway connects.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createMultiplexer, type Multiplexer } from "@fairlead/aggregator";
import { fixtureServerPath, waitUntil } from "@fairlead/testbed";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Operation } from "../src/admin/operation.ts";
import { serverOperations } from "../src/admin/operations/servers.ts";
import { configSchema } from "../src/config/schema.ts";
import { createServerPolicy } from "../src/protect/server-policy.ts";

/** What must not be reached. */
let connections = 0;
const inside = createServer((_request, response) => response.writeHead(404).end());
inside.on("connection", () => connections++);
let port: number;
let multiplexer: Multiplexer;
let kept: unknown[] = [];

beforeAll(async () => {
  await new Promise<void>((resolve) => inside.listen(0, "127.0.0.1", resolve));
  ({ port } = inside.address() as AddressInfo);
  multiplexer = createMultiplexer({
    pools: [
      {
        namespace: "a",
        upstreams: [{ transport: "stdio", command: process.execPath, args: [fixtureServerPath, "--stdio"] }],
      },
    ],
  });
  await multiplexer.initialize();
});
afterAll(async () => {
  await multiplexer.close();
  inside.closeAllConnections();
  await new Promise((resolve) => inside.close(resolve));
});

/** `localhost` stands for the attacker's name: when it is checked it is public, and the system says where it is now. */
function operation(id: string, resolve: (host: string) => Promise<readonly string[]>): Operation {
  const config = configSchema.parse({
    admin: { allowHttp: true },
    pools: { a: { upstreams: [{ command: "x" }] } },
  });
  const note = (...what: unknown[]): Promise<void> => {
    kept.push(what);
    return Promise.resolve();
  };
  const found = serverOperations({
    multiplexer,
    policy: createServerPolicy(() => config, resolve),
    persist: { added: note, removed: note, updated: note },
  }).find((one) => one.id === id);
  if (found === undefined) throw new Error(`no operation ${id}`);
  return found;
}

const isPublic = (): Promise<string[]> => Promise.resolve(["93.184.216.34"]);
const reasonOf = (id: string): string | null | undefined =>
  multiplexer
    .getStatus()
    .pools.flatMap(({ replicas }) => replicas)
    .find((one) => one.id === id)?.reason;

it("is not followed to where it is now, and the status says why", async () => {
  kept = [];
  const server = { id: "rebound", url: `http://localhost:${port}/mcp` };
  await operation("addServer", isPublic).run({ pool: "a", server, persist: true }, { actor: "t" });
  expect(reasonOf("rebound")).toMatch(/localhost is now .*127\.0\.0\.1.*none of the addresses/);
  expect(connections).toBe(0);
  // The file keeps what was checked as well.
  expect(kept).toEqual([["a", { ...server, addresses: ["93.184.216.34"] }]]);
});

it("stays where it was checked when something else is changed, and is checked again with its url", async () => {
  const update = operation("updateServer", () => Promise.resolve(["10.0.0.1"]));
  await update.run({ id: "rebound", patch: { headers: { "x-a": "1" } } }, { actor: "t" });
  await waitUntil(() => reasonOf("rebound")?.includes("localhost is now") === true, {
    timeoutMs: 20_000,
    what: "the server to be tried anew",
  });
  for (const patch of [{ url: `http://localhost:${port}/other` }, { addresses: ["127.0.0.1"] }, { url: [1] }])
    await expect(update.run({ id: "rebound", patch }, { actor: "t" }), JSON.stringify(patch)).rejects.toThrow(
      expect.objectContaining({ code: "FORBIDDEN" }),
    );
  expect(connections).toBe(0);
});
