// Turns what happens inside the multiplexer into log lines.
import type { MultiplexerEvent } from "@fairlead/aggregator";
import type { Logger } from "pino";

type StateEvent = Extract<MultiplexerEvent, { type: "upstream-state" }>;

/** Logs events; an upstream that fails the same way over and over is told once, then at debug level. */
export function eventLogger(logger: Logger): (event: MultiplexerEvent) => void {
  const told = new Map<string, string>();

  return (event) => {
    switch (event.type) {
      case "upstream-state":
        logState(event);
        return;
      case "catalog-changed":
        logger.debug(event, `${event.pool} changed its ${event.kinds.join(", ")}`);
        return;
      case "name-collision": {
        const { kind, name, first, second } = event.collision;
        const sides = `${first.pool} and ${second.pool}; that of ${second.pool} is not offered`;
        logger.warn(event, `two ${kind} want the name ${name}: ${sides}`);
        return;
      }
      case "stderr":
        logger.debug({ pool: event.pool, upstream: event.upstream }, `${event.upstream}: ${event.text}`);
        return;
      case "internal-error":
        logger.error({ err: event.error }, "a request failed inside the gateway");
        return;
      case "problem":
        logger.warn({ pool: event.pool, upstream: event.upstream }, `${event.upstream}: ${event.message}`);
        return;
      case "failover":
        logger.warn(event, `${event.upstream} was failed over: ${event.reason}; ${event.moved} calls moved`);
        return;
      case "upstream-scaled":
        logger.info(
          event,
          `${event.upstream} has ${event.to} replicas instead of ${event.from}: ${event.reason}`,
        );
        return;
      case "calls-moved":
        logger.warn(event, `calls on ${event.upstream} failed and go on on ${event.to}: ${event.reason}`);
        return;
      case "upstream-ejected":
        logger.warn(event, `${event.upstream} gets no calls for ${event.durationMs} ms: ${event.reason}`);
        return;
      case "panic-began":
        logger.warn(event, `few upstreams of ${event.pool} are well: ejections are disregarded`);
        return;
      case "strategy-fault":
        logger.warn(event, `strategy ${event.strategy} of ${event.pool}: ${event.fault}`);
        return;
      case "pool-added":
      case "pool-removed":
      case "pool-updated":
      case "panic-ended":
        logger.info(event, `${event.type}: ${event.pool}`);
        return;
      case "upstream-added":
      case "upstream-removed":
      case "upstream-updated":
      case "upstream-restarted":
      case "upstream-returned":
        logger.info(event, `${event.type}: ${event.upstream}`);
    }
  };

  function logState({ pool, upstream, status, reason, retryInMs }: StateEvent): void {
    const facts = { pool, upstream, status, reason, retryInMs };
    if (status === "ready") {
      told.delete(upstream);
      logger.info(facts, `${upstream} is ready`);
    } else if (status === "waiting" || status === "crash-loop" || status === "unhealthy") {
      const news = `${status}: ${reason ?? ""}`;
      const level = told.get(upstream) === news ? "debug" : "warn";
      told.set(upstream, news);
      const next = retryInMs === null ? "" : `; next try in ${(retryInMs / 1_000).toFixed(1)} s`;
      logger[level](facts, `${upstream} is down (${status}): ${reason ?? "no reason known"}${next}`);
    } else {
      logger.debug(facts, `${upstream} is ${status}`);
    }
  }
}
