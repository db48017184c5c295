// A gateway in front of servers with slots, and load on it: what the scenarios of balancing and overload share.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repeat } from "../gateway.ts";
import { type LoadConnection, openLeanConnection } from "../load/connection.ts";
import { startMeasured } from "../process.ts";
import { startGatewayWith } from "../targets/own.ts";
import type { SlotServerOptions } from "../targets/slot-servers.ts";
import { fileOf, freePort, type Target } from "../targets/target.ts";

export interface SlotPool extends AsyncDisposable {
  readonly gateway: Target;
  /** Connections to the gateway, each a client of its own. */
  readonly clients: readonly LoadConnection[];
}

export interface SlotPoolOptions extends Omit<SlotServerOptions, "servers"> {
  /** Speeds of the servers. */
  readonly speeds: readonly number[];
  readonly slots: number;
  /** Pools of such servers behind the one gateway, each with clients of its own. @defaultValue 1 */
  readonly pools?: number;
  /** More of the pool's configuration, such as its strategy. */
  readonly pool?: Readonly<Record<string, unknown>>;
  /** Whether the gateway knows how many slots a server has, and keeps what is too much in a queue of its own. */
  readonly bounded: boolean;
  /** Clients, each with a session and connections of its own. @defaultValue 8 */
  readonly clients?: number;
}

/** Connections that all clients together may open; they do so when they need one more. */
const SOCKETS = 16_000;
const OPENED_AT_ONCE = 16;

export async function startSlotPool(options: SlotPoolOptions): Promise<SlotPool> {
  const { speeds, slots, pools = 1, pool = {}, bounded, clients: clientCount = 8, ...service } = options;
  const directory = await mkdtemp(join(tmpdir(), "fairlead-benchmark-"));
  const started: { stop(): Promise<void> }[] = [];
  const clients: LoadConnection[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all(clients.map((client) => client.close()));
    // The gateway first, so that it does not see its servers die.
    for (const one of started.toReversed()) await one.stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const allSpeeds = Array.from({ length: pools }, () => speeds).flat();
    const ports = await Promise.all(allSpeeds.map(freePort));
    const servers = allSpeeds.map((speed, at) => ({ port: ports[at] ?? 0, speed, slots }));
    const serverOptions: SlotServerOptions = { ...service, servers };
    started.push(
      await startMeasured({
        command: process.execPath,
        args: [fileOf("slot-servers.ts"), JSON.stringify(serverOptions)],
        role: "server",
        readyUrl: `http://127.0.0.1:${ports[0]}/mcp`,
      }),
    );
    const upstreams = ports.map((port) => ({
      url: `http://127.0.0.1:${port}/mcp`,
      era: "legacy",
      ...(bounded ? { maxConcurrency: slots } : {}),
    }));
    const names = Array.from({ length: pools }, (_, at) => `pool${at}`);
    const gateway = await startGatewayWith(
      Object.fromEntries(
        names.map((name, at) => [
          name,
          {
            upstreams: upstreams.slice(at * speeds.length, (at + 1) * speeds.length),
            healthCheck: { intervalMs: 0 },
            ...pool,
          },
        ]),
      ),
      directory,
    );
    started.push(gateway.process);
    const { url } = gateway;
    const sockets = Math.min(256, Math.ceil(SOCKETS / clientCount));
    await repeat(clientCount, OPENED_AT_ONCE, async (at) => {
      const tool = `${names[at % pools]}__echo`;
      clients.push(await openLeanConnection({ url, tool, payloadBytes: 50, sockets }));
    });
    return { gateway, clients, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
