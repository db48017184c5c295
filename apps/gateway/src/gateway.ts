// Everything that one gateway is made of, put together: who may come in, what is watched, what operators may do.
import { dirname, resolve } from "node:path";
import { createMultiplexer, type Multiplexer } from "@fairlead/aggregator";
import { type AdminApi, type AdminChange, createAdminApi } from "./admin/api.ts";
import { createEventStream, type EventStream } from "./admin/event-stream.ts";
import { configOperations } from "./admin/operations/config.ts";
import { observeOperations } from "./admin/operations/observe.ts";
import { serverOperations } from "./admin/operations/servers.ts";
import { toolOperations } from "./admin/operations/tools.ts";
import { type Authenticator, createAuthenticator } from "./auth/authenticator.ts";
import { hashKey } from "./auth/keys.ts";
import { createTokenVerifier } from "./auth/oauth.ts";
import { type ClientGate, createClientGate } from "./clients/client-gate.ts";
import { clientsOf } from "./clients/from-config.ts";
import type { LoadedConfig } from "./config/load.ts";
import { type ConfigStore, createConfigStore } from "./config/store.ts";
import { createWriteBack } from "./config/write-back.ts";
import { eventLogger } from "./event-log.ts";
import type { GatewayLogger } from "./log.ts";
import { createMetrics, type Metrics } from "./metrics/metrics.ts";
import { type Observer, observedGate } from "./observe.ts";
import { type Audit, createAudit } from "./protect/audit.ts";
import type { Scrubber } from "./protect/scrub.ts";
import { createServerPolicy } from "./protect/server-policy.ts";
import { createToolPins } from "./protect/tool-pins.ts";
import { applyConfig } from "./reload.ts";
import { createSpanExporter } from "./tracing/exporter.ts";
import { createTracer } from "./tracing/tracer.ts";
import { version } from "./version.ts";

export interface Gateway {
  readonly multiplexer: Multiplexer;
  readonly admin: AdminApi;
  readonly clients: ClientGate;
  readonly store: ConfigStore;
  readonly events: EventStream;
  /** The authenticator in force; a reload exchanges it. */
  readonly authenticate: () => Authenticator;
  /** Lets the operators' token in that was made at the start. */
  useAdminToken(token: string): void;
  close(): Promise<void>;
}

export interface GatewayOptions {
  readonly loaded: LoadedConfig;
  readonly logger: GatewayLogger;
  readonly scrubber: Scrubber;
  /** The URL that clients use, once it is known. */
  readonly endpoint: () => string;
}

export function createGateway({ loaded, logger, scrubber, endpoint }: GatewayOptions): Gateway {
  const { scrub } = scrubber;
  const events = createEventStream();
  let authenticate: Authenticator;
  let madeToken: string | undefined;
  let metrics: Metrics | undefined;

  const clients = createClientGate({
    settings: clientsOf(loaded.gateway),
    onRefusal(client, limit) {
      metrics?.refused(limit);
      logger.debug({ client, limit }, `${client} was refused a request: ${limit}`);
    },
  });
  const audit = auditOf(loaded);
  const { tracing } = loaded.gateway;
  const exporter =
    tracing === undefined
      ? undefined
      : createSpanExporter({
          ...tracing,
          serviceVersion: version,
          onProblem: (error) => logger.warn({ err: error }, "spans cannot be sent; they are dropped"),
        });
  const observers: Observer[] = [
    (request) => metrics?.observe(request),
    ...(exporter === undefined || tracing === undefined
      ? []
      : [createTracer({ exporter, sampleRatio: tracing.sampleRatio }).observe]),
    ...(audit === undefined ? [] : [audit.observe]),
  ];
  const { protection } = loaded.gateway;
  const pins = createToolPins({
    policy: protection.toolDefinitions,
    file: protection.pinFile === undefined ? undefined : resolve(dirname(loaded.file), protection.pinFile),
    onDrift(drift) {
      metrics?.drifted(drift.pool);
      audit?.note("tool-drift", { ...drift });
      events.publish("tool-drift", { ...drift });
      logger.warn(
        drift,
        `${drift.pool}: the tool ${drift.tool} is no longer defined as it was when it was first seen${drift.isHidden ? "; it is hidden until an operator approves it" : ""}`,
      );
    },
    onSuspicion(suspicion) {
      audit?.note("tool-suspicion", { ...suspicion });
      events.publish("tool-suspicion", { ...suspicion });
      logger.warn(
        suspicion,
        `${suspicion.pool}: the tool ${suspicion.tool} has ${suspicion.reasons.join(", ")}`,
      );
    },
    onProblem: (error) => logger.error({ err: error }, "the pinned definitions of tools cannot be kept"),
  });
  const logEvent = eventLogger(logger);
  const multiplexer = createMultiplexer(
    { ...loaded.multiplexer, serverInfo: { name: "fairlead", version } },
    {
      gate: observedGate(clients, observers, scrub),
      offers: pins.offers,
      onEvent(event) {
        logEvent(event);
        // What servers print may hold anything; it stays in the log.
        if (event.type === "stderr" || event.type === "internal-error") return;
        events.publish(event.type, JSON.parse(scrub(JSON.stringify(event))) as Record<string, unknown>);
      },
    },
  );
  const { metrics: metricsConfig } = loaded.gateway;
  if (metricsConfig.enabled)
    metrics = createMetrics({ status: () => multiplexer.getStatus(), version, ...metricsConfig });

  const store = createConfigStore({
    initial: loaded,
    async apply(next, before) {
      const changes = await applyConfig(multiplexer, next, before);
      scrubber.add(next.secrets);
      clients.update(clientsOf(next.gateway));
      pins.configure(next.gateway.protection.toolDefinitions);
      logger.level = next.gateway.logging.level;
      authenticate = authenticatorOf(next);
      return changes;
    },
    onReload(report) {
      metrics?.reloaded(report.ok);
      events.publish("config-reloaded", {
        ...report,
        error: report.error === null ? null : scrub(report.error),
      });
      if (report.ok)
        logger.info(
          { changes: report.changes },
          report.changes.length === 0
            ? "the configuration was read again; nothing is different"
            : `the configuration was read again: ${report.changes.join("; ")}`,
        );
      else logger.error(`the configuration was not applied, the one before stays:\n${report.error}`);
    },
  });
  authenticate = authenticatorOf(loaded);

  const admin = createAdminApi({
    operations: [
      ...observeOperations({
        status: () => multiplexer.getStatus(),
        analytics: () => multiplexer.getPerformanceAnalytics(),
        endpoint,
        clients,
        store,
        events,
      }),
      ...serverOperations({
        multiplexer,
        policy: createServerPolicy(() => store.current.gateway),
        persist: createWriteBack(loaded.file),
      }),
      ...toolOperations({ pins, refresh: () => multiplexer.updateViews(store.current.gateway.views) }),
      ...configOperations(store),
    ],
    version,
    events,
    metrics: metrics?.render,
    onChange,
    onError: (error) => logger.error({ err: error }, "an admin request failed inside the gateway"),
    scrub,
  });

  return {
    multiplexer,
    admin,
    clients,
    store,
    events,
    authenticate: () => authenticate,
    useAdminToken(token) {
      madeToken = token;
      scrubber.add([token]);
      authenticate = authenticatorOf(store.current);
    },
    async close() {
      store.close();
      await multiplexer.close();
      await admin.close();
      events.close();
      metrics?.close();
      await audit?.close();
      await exporter?.close();
    },
  };

  function onChange(change: AdminChange): void {
    const { actor, operation, outcome } = change;
    logger.info(change, `${actor}: ${operation} ${outcome === "ok" ? "done" : outcome}`);
    audit?.change(change);
    events.publish("admin-change", JSON.parse(scrub(JSON.stringify(change))) as Record<string, unknown>);
  }

  function authenticatorOf({ gateway }: LoadedConfig): Authenticator {
    const { admin: adminConfig, clients: clientsConfig, oauth } = gateway;
    const token = adminConfig.token ?? madeToken;
    return createAuthenticator({
      anonymous: clientsConfig.anonymous,
      known: clientsOf(gateway).known,
      adminTokenSha256: adminConfig.tokenSha256 ?? (token === undefined ? undefined : hashKey(token)),
      oauth:
        oauth === undefined
          ? undefined
          : { settings: oauth, verifier: createTokenVerifier({ settings: oauth }) },
    });
  }

  function auditOf({ gateway }: LoadedConfig): Audit | undefined {
    const { audit: settings } = gateway.logging;
    if (settings === undefined) return undefined;
    const onProblem = (error: unknown): void =>
      logger.error({ err: error }, "the audit log cannot be written; it is tried again");
    return createAudit({ ...settings, scrub, onProblem });
  }
}
