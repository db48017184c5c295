// The gateway as a process: reads the configuration, starts, serves, and ends in order.
import { AggregatorError, createMultiplexer, type Multiplexer } from "@fairlead/aggregator";
import type { Logger } from "pino";
import { printBanner } from "./banner.ts";
import { ConfigError } from "./config/error.ts";
import { type LoadedConfig, loadConfig } from "./config/load.ts";
import { eventLogger } from "./event-log.ts";
import { isLoopback } from "./http/guard.ts";
import { type HttpFront, openHttpFront } from "./http/server.ts";
import { createLogger } from "./log.ts";

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

/** How long the first answer over stdio waits for upstreams, in milliseconds. */
const STDIO_SETTLE_MS = 2_000;

/** How long a load balancer gets to see that the gateway is no longer ready, in milliseconds. */
const READINESS_GRACE_MS = 100;

/**
 * Runs the gateway until SIGINT or SIGTERM (or, with `stdio`, until the input ends); a second signal ends it at once.
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
  const logger = createLogger(loaded.gateway.logging.level);
  try {
    return options.stdio === true ? await runStdio(loaded, logger) : await runHttp(loaded, options, logger);
  } catch (error) {
    process.stderr.write(`fairlead: ${explain(error)}\n`);
    return error instanceof AggregatorError && error.code === "INVALID_CONFIG" ? 2 : 1;
  }
}

async function runHttp(
  { gateway, multiplexer: config }: LoadedConfig,
  options: RunOptions,
  logger: Logger,
): Promise<number> {
  const { drainTimeoutMs } = gateway.server;
  const host = options.host ?? gateway.server.host;
  const port = options.port ?? gateway.server.port;
  if (!isLoopback(host)) {
    throw new Error(
      `server.host is ${host}, but the gateway does not authenticate clients and so only listens on loopback; use 127.0.0.1 and put a proxy that authenticates in front`,
    );
  }
  await using multiplexer = createMultiplexer(config, { onEvent: eventLogger(logger) });
  let draining = false;
  const stop = stopSignal();
  await using front = await openHttpFront({
    host,
    port,
    multiplexer,
    maxMessageBytes: config.limits?.maxRequestBytes,
    isReady: () => !draining && isUsable(multiplexer),
    onError: (error) => logger.error({ err: error }, "a request failed inside the gateway"),
  }).catch((error: NodeJS.ErrnoException) => {
    throw new Error(explainListen(error, host, port), { cause: error });
  });
  logger.info(`listening on ${front.url}`);
  await Promise.race([multiplexer.initialize(), stop]);
  const status = multiplexer.getStatus();
  if (status.status !== "starting")
    process.stdout.write(`${printBanner(status, front.url, process.stdout)}\n`);
  const signal = await stop;
  draining = true;
  logger.info(
    `${signal}: finishing the calls under way, at most ${drainTimeoutMs / 1_000} s; a second signal ends at once`,
  );
  await shutDown(multiplexer, front, drainTimeoutMs);
  logger.info("stopped");
  return 0;
}

async function shutDown(multiplexer: Multiplexer, front: HttpFront, drainTimeoutMs: number): Promise<void> {
  // Responses say from now on that their connection ends, and clients that ask once more are still answered: the
  // upstreams end after the last connection.
  const drained = multiplexer.drainAll(drainTimeoutMs);
  await new Promise((resolve) => setTimeout(resolve, READINESS_GRACE_MS));
  await front.close(drainTimeoutMs);
  await drained;
  await multiplexer.close();
}

async function runStdio({ multiplexer: config }: LoadedConfig, logger: Logger): Promise<number> {
  await using multiplexer = createMultiplexer(config, { onEvent: eventLogger(logger) });
  const stop = stopSignal();
  // A stdio client lists once, right after its start; it should see everything that starts in reasonable time.
  await Promise.race([multiplexer.initialize({ settleMs: STDIO_SETTLE_MS }), stop]);
  await Promise.race([multiplexer.serveStdio(process.stdin, process.stdout), stop]);
  return 0;
}

function isUsable(multiplexer: Multiplexer): boolean {
  return multiplexer
    .getStatus()
    .pools.some(({ replicas }) => replicas.some(({ status }) => status === "ready"));
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
