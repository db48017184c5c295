// The gateway as a process: reads the configuration, starts, serves, and ends in order.
import {
  AggregatorError,
  createWebSocketFront,
  type Multiplexer,
  type WebSocketFront,
} from "@fairlead/aggregator";
import { provideAdminToken } from "./auth/admin-token.ts";
import { printBanner } from "./banner.ts";
import { ConfigError } from "./config/error.ts";
import { type LoadedConfig, loadConfig } from "./config/load.ts";
import { createDashboard } from "./dashboard.ts";
import { createGateway, type Gateway } from "./gateway.ts";
import { createFront, type FrontOptions, isMultiplexed } from "./http/front.ts";
import { createGuard, isLoopback } from "./http/guard.ts";
import { type HttpServer, openHttpServer } from "./http/server.ts";
import { createUpgradeHandler } from "./http/websocket.ts";
import { createLogger, type GatewayLogger } from "./log.ts";
import { createScrubber, type Scrubber } from "./protect/scrub.ts";
import { isReady } from "./readiness.ts";

export interface RunOptions {
  /** @defaultValue "fairlead.config.yaml" in the working directory */
  readonly config?: string;
  /** Overrides `server.port`; 0 takes any free one. */
  readonly port?: number;
  /** Overrides `server.host`. */
  readonly host?: string;
  /** Serves one client on stdin and stdout instead of HTTP. @defaultValue false */
  readonly stdio?: boolean;
}

/** How long the first answer over stdio waits for upstreams to join or to fail once, in milliseconds: as long as they may take. */
const STDIO_SETTLE_MS = 10_000;

/** How long a load balancer gets to see that the gateway is no longer ready, in milliseconds. */
const READINESS_GRACE_MS = 100;

/**
 * Runs the gateway until SIGINT or SIGTERM (or, with `stdio`, until the input ends); a second signal ends it at once. SIGHUP,
 * or a change of the file, reads the configuration again.
 *
 * @returns the exit code: 0 after an orderly end, 1 when it could not run, 2 when the configuration is wrong
 */
export async function runGateway(options: RunOptions = {}): Promise<number> {
  let loaded: LoadedConfig;
  try {
    loaded = await loadConfig(options.config ?? "fairlead.config.yaml");
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`fairlead: the configuration cannot be used\n${error.message}\n`);
    return 2;
  }
  const scrubber = createScrubber();
  scrubber.add(loaded.secrets);
  const logger = createLogger(
    loaded.gateway.logging.level,
    process.stderr,
    process.stderr.isTTY,
    scrubber.scrub,
  );
  try {
    return options.stdio === true
      ? await runStdio(loaded, scrubber, logger)
      : await runHttp(loaded, options, scrubber, logger);
  } catch (error) {
    process.stderr.write(`fairlead: ${scrubber.scrub(explain(error))}\n`);
    return error instanceof AggregatorError && error.code === "INVALID_CONFIG" ? 2 : 1;
  }
}

async function runHttp(
  loaded: LoadedConfig,
  options: RunOptions,
  scrubber: Scrubber,
  logger: GatewayLogger,
): Promise<number> {
  const { server, admin: adminConfig, clients } = loaded.gateway;
  const { drainTimeoutMs } = server;
  const host = options.host ?? server.host;
  const port = options.port ?? server.port;
  if (!isLoopback(host) && clients.known !== undefined && !hasCredentials(loaded))
    throw new Error(
      `server.host is ${host}, which other machines can reach, but no client has a key; add clients.known or oauth, or use 127.0.0.1`,
    );
  let url = "";
  const gateway = createGateway({ loaded, logger, scrubber, endpoint: () => `${url}/mcp` });
  const { multiplexer, store } = gateway;
  let draining = false;
  const stop = stopSignal();
  const common = {
    authenticate: gateway.authenticate,
    oauth: loaded.gateway.oauth,
    readiness: () => {
      const status = multiplexer.getStatus();
      const isReadyNow = !draining && isReady(status, store.current.gateway.server.readiness);
      return { isReady: isReadyNow, status: draining ? "draining" : status.status };
    },
    onError: (error: unknown) => logger.error({ err: error }, "a request failed inside the gateway"),
  } satisfies Omit<FrontOptions, "guard">;
  const ownListener = adminConfig.listen;
  const forOperators = { admin: gateway.admin, dashboard: createDashboard() };
  const webSockets = await createWebSocketFront(multiplexer, {
    maxMessageBytes: loaded.gateway.limits?.maxRequestBytes,
  });
  const open = (at: { host: string; port: number }, more: Partial<FrontOptions>): Promise<HttpServer> => {
    const guard = createGuard({ ...server, host: at.host });
    const { authenticate, onError } = common;
    const { admitStream } = gateway.clients;
    return openHttpServer({
      ...at,
      onRequest: createFront({ ...common, ...more, guard }),
      ...(more.multiplexer === undefined
        ? {}
        : {
            servesShortly: isMultiplexed,
            onUpgrade: createUpgradeHandler({ front: webSockets, guard, authenticate, admitStream, onError }),
          }),
    }).catch((error: NodeJS.ErrnoException) => {
      throw new Error(explainListen(error, at.host, at.port), { cause: error });
    });
  };
  try {
    await using front = await open(
      { host, port },
      { multiplexer, ...(ownListener === undefined ? forOperators : {}) },
    );
    url = front.url;
    const adminFront = ownListener === undefined ? undefined : await open(ownListener, forOperators);
    const made = await adminToken(gateway, loaded, adminFront ?? front, logger);
    const onHangUp = (): void => void store.reload();
    process.on("SIGHUP", onHangUp);
    store.watch();
    logger.info(`listening on ${front.url}`);
    if (adminFront !== undefined) logger.info(`admin API on ${adminFront.url}`);
    await Promise.race([multiplexer.initialize(), stop]);
    const status = multiplexer.getStatus();
    if (status.status !== "starting")
      process.stdout.write(`${scrubber.scrub(printBanner(status, front.url, process.stdout))}\n`);
    const signal = await stop;
    draining = true;
    process.off("SIGHUP", onHangUp);
    logger.info(
      `${signal}: finishing the calls under way, at most ${drainTimeoutMs / 1_000} s; a second signal ends at once`,
    );
    gateway.events.publish("draining", { signal });
    await shutDown(gateway, front, webSockets, drainTimeoutMs);
    await adminFront?.close(0);
    await made?.remove();
  } finally {
    await webSockets.close();
    await gateway.close();
  }
  logger.info("stopped");
  return 0;
}

async function adminToken(
  gateway: Gateway,
  { gateway: { admin, clients } }: LoadedConfig,
  { port }: HttpServer,
  logger: GatewayLogger,
): Promise<{ remove(): Promise<void> } | undefined> {
  const hasOwn = admin.token !== undefined || admin.tokenSha256 !== undefined;
  if (hasOwn || Object.values(clients.known).some(({ admin: isAdmin }) => isAdmin === true)) return undefined;
  try {
    const made = await provideAdminToken(port);
    gateway.useAdminToken(made.token);
    logger.debug(`the token of the admin API is in ${made.file}`);
    return made;
  } catch (error) {
    logger.warn({ err: error }, "no token for the admin API could be kept; set admin.token to use it");
    return undefined;
  }
}

function hasCredentials({ gateway: { clients, oauth } }: LoadedConfig): boolean {
  return Object.keys(clients.known).length > 0 || oauth !== undefined;
}

async function shutDown(
  { multiplexer, events }: Gateway,
  front: HttpServer,
  webSockets: WebSocketFront,
  drainTimeoutMs: number,
): Promise<void> {
  // Responses say from now on that their connection ends, and clients that ask once more are still answered: the
  // upstreams end after the last connection.
  const drained = multiplexer.drainAll(drainTimeoutMs);
  await new Promise((resolve) => setTimeout(resolve, READINESS_GRACE_MS));
  events.close();
  await Promise.all([front.close(drainTimeoutMs), closeSockets(webSockets, drainTimeoutMs)]);
  await drained;
}

/** Connections end as soon as nothing runs on them, and after `timeoutMs` in any case. */
async function closeSockets(webSockets: WebSocketFront, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  webSockets.drain();
  while (webSockets.connections > 0 && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 50));
  await webSockets.close();
}

async function runStdio(loaded: LoadedConfig, scrubber: Scrubber, logger: GatewayLogger): Promise<number> {
  const gateway = createGateway({ loaded, logger, scrubber, endpoint: () => "stdio:" });
  const { multiplexer, store } = gateway;
  const stop = stopSignal();
  try {
    process.on("SIGHUP", () => void store.reload());
    store.watch();
    // A stdio client lists once, right after its start; it should see everything that starts in reasonable time.
    await Promise.race([multiplexer.initialize({ settleMs: STDIO_SETTLE_MS }), stop]);
    await Promise.race([serve(multiplexer), stop]);
  } finally {
    await gateway.close();
  }
  return 0;
}

function serve(multiplexer: Multiplexer): Promise<void> {
  return multiplexer.serveStdio(process.stdin, process.stdout);
}

/** Resolves on the first SIGINT or SIGTERM; the second one ends the process. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let seen = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      // The children's process groups end with this process.
      if (seen) process.exit(1);
      seen = true;
      resolve(signal);
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  });
}

function explain(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function explainListen(error: NodeJS.ErrnoException, host: string, port: number): string {
  if (error.code === "EADDRINUSE") {
    return `port ${port} on ${host} is taken; stop what uses it, or choose another with --port (or server.port in the configuration)`;
  }
  if (error.code === "EACCES")
    return `port ${port} may not be used without privileges; choose one above 1023 with --port`;
  return `cannot listen on ${host}:${port}: ${error.message}`;
}
