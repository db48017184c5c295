// A gateway in front of servers with slots, and load on it: what the scenarios of balancing and overload share.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LoadConnection, openConnection } from "../load/connection.ts";
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
  /** More of the pool's configuration, such as its strategy. */
  readonly pool?: Readonly<Record<string, unknown>>;
  /** Whether the gateway knows how many slots a server has, and keeps what is too much in a queue of its own. */
  readonly bounded: boolean;
  readonly clients?: number;
}

export async function startSlotPool(options: SlotPoolOptions): Promise<SlotPool> {
  const { speeds, slots, pool = {}, bounded, clients: clientCount = 8, ...service } = options;
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
    const ports = await Promise.all(speeds.map(freePort));
    const servers = speeds.map((speed, at) => ({ port: ports[at] ?? 0, speed, slots }));
    const serverOptions: SlotServerOptions = { ...service, servers };
    started.push(
      await startMeasured({
        command: process.execPath,
        args: [fileOf("slot-servers.ts"), JSON.stringify(serverOptions)],
        readyUrl: `http://127.0.0.1:${ports[0]}/mcp`,
      }),
    );
    const upstreams = ports.map((port) => ({
      url: `http://127.0.0.1:${port}/mcp`,
      era: "legacy",
      ...(bounded ? { maxConcurrency: slots } : {}),
    }));
    const gateway = await startGatewayWith(
      { pool: { upstreams, healthCheck: { intervalMs: 0 }, ...pool } },
      directory,
    );
    started.push(gateway.process);
    for (let at = 0; at < clientCount; at++) {
      const { url, tool } = gateway;
      clients.push(await openConnection({ url, tool, payloadBytes: 50, sockets: 256 }));
    }
    return { gateway, clients, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
