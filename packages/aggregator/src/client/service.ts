// What the gateway does with each method: answers it, or sends it to the pool that it belongs to.
import type { Clock } from "@fairlead/core";
import type { Route, Scope } from "../catalog/catalog.ts";
import { headerMismatchOf } from "../catalog/header-params.ts";
import { LIST_KINDS, LIST_METHODS, type ListKind } from "../catalog/lists.ts";
import {
  type Era,
  LEGACY_PROTOCOL_VERSION,
  LEGACY_PROTOCOL_VERSIONS,
  MODERN_PROTOCOL_VERSIONS,
} from "../era.ts";
import { AggregatorError } from "../errors.ts";
import type { Pool } from "../pool/pool.ts";
import { requiring } from "../router/requirements.ts";
import type { Router, RoutingDecision } from "../router/router.ts";
import type { ClientHello } from "../upstream/client-session.ts";
import { type Envelope, type Span, textOf } from "../wire/envelope.ts";
import { errorMessage, resultMessage, rpcCode } from "../wire/reply.ts";
import { done, invalid, notFound } from "./answers.ts";
import { type Client, type Exchange, type ExchangeObserver, LOG_LEVELS } from "./client.ts";
import { capabilitiesOf, instructionsOf } from "./describe.ts";
import { forward } from "./forward.ts";
import { type Gate, passGate } from "./gate.ts";
import { createHeldCalls } from "./held-calls.ts";
import { canBeAsked, refuseQuestion } from "./input-request.ts";
import { askForInput } from "./input-rounds.ts";
import { hasOwnSession, introductionOf } from "./introduction.ts";
import { createListens, MAX_SUBSCRIPTIONS } from "./listens.ts";
import type { Notifier } from "./notifier.ts";
import { printPage } from "./paged-list.ts";
import { createQuestions, streamOf } from "./questions.ts";
import { createTasks, routeOfTask } from "./tasks.ts";

export interface ServiceOptions {
  readonly serverInfo: { readonly name: string; readonly version: string };
  readonly separator: string;
  readonly pageSize: number;
  readonly notifier: Notifier;
  readonly gate?: Gate | undefined;
  /** The routing rules, as they are now. */
  readonly router: () => Router | undefined;
  readonly clock: Clock;
}

export interface Service {
  /** Handles a request; its exchange ends in one reply, now or later. */
  request(exchange: Exchange): void;
  /** Handles a notification of a client. */
  notification(client: Client, message: Buffer, envelope: Envelope): void;
  /** Handles a client's response to what it was asked. */
  response(client: Client, message: Buffer, envelope: Envelope): void;
  /** A client has gone: what it was asked finds no answer. */
  forget(client: Client): void;
  /** The result of `initialize`, the revision that was agreed on, and what the client said of itself. */
  initialize(scope: Scope, params: Buffer): Initialized;
  /** Ends the listen streams on a scope, or all, as before a shutdown. */
  endListens(scope?: Scope): void;
  readonly running: number;
}

interface Initialized {
  readonly result: string;
  readonly protocolVersion: string;
  readonly hello: ClientHello;
}

type Handler = (exchange: Exchange) => void;

export function createService({
  serverInfo,
  separator,
  pageSize,
  notifier,
  router,
  gate,
  clock,
}: ServiceOptions): Service {
  const listens = createListens({ serverInfo, notifier });
  const questions = createQuestions(clock);
  const held = createHeldCalls(clock);
  const tasks = createTasks();
  let running = 0;
  const observer: ExchangeObserver = {
    ended(exchange) {
      running--;
      exchange.client.running.delete(exchange);
    },
    asked(exchange, request) {
      if (!canBeAsked(exchange, request.envelope.method)) refuseQuestion(exchange, request);
      else if (exchange.era === "modern") held.ask(exchange, request);
      else questions.pass(exchange.client, request, streamOf(exchange));
    },
    askedBySession: (client, request) => questions.pass(client, request, client.push),
    madeTask: tasks.keep,
    askedByAnswer: (exchange, answer, answered, round) =>
      askForInput(exchange, answer, answered, questions, streamOf(exchange), round),
  };

  const lists = LIST_KINDS.map((kind): [string, Handler] => [
    LIST_METHODS[kind].method,
    (exchange) => list(exchange, kind),
  ]);
  const common: [string, Handler][] = [
    ...lists,
    ["tools/call", (exchange) => named(exchange, "tools")],
    ["prompts/get", (exchange) => named(exchange, "prompts")],
    ["resources/read", resource],
    ["completion/complete", complete],
  ];
  const handlers: Readonly<Record<Era, ReadonlyMap<string, Handler>>> = {
    legacy: new Map([
      ...common,
      ["ping", done],
      ["logging/setLevel", setLevel],
      ["resources/subscribe", subscribe],
      ["resources/unsubscribe", unsubscribe],
      ["tasks/get", task],
      ["tasks/result", task],
      ["tasks/cancel", task],
    ]),
    modern: new Map([
      ...common,
      ["server/discover", discover],
      ["subscriptions/listen", listens.open],
      ["tasks/get", task],
      ["tasks/update", task],
      ["tasks/cancel", task],
    ]),
  };

  return {
    response: questions.answer,
    forget: questions.forget,
    request(exchange) {
      if (gate !== undefined && !passGate(gate, exchange)) return;
      const handler = handlers[exchange.era].get(exchange.envelope.method) ?? notFound;
      handler(exchange);
    },
    notification,
    initialize,
    endListens: listens.end,
    get running() {
      return running;
    },
  };

  function notification(client: Client, message: Buffer, envelope: Envelope): void {
    switch (envelope.method) {
      case "notifications/cancelled": {
        const { start, end } = envelope.requestId;
        if (start !== -1) client.running.find(message.subarray(start, end))?.cancel();
        break;
      }
      case "notifications/progress":
        questions.progress(client, message, envelope);
        break;
      case "notifications/roots/list_changed":
        for (const { sessions } of client.scope.pools) sessions.notify(client.key, message);
        break;
    }
  }

  function initialize(scope: Scope, params: Buffer): Initialized {
    const said = JSON.parse(params.toString("utf8")) as Record<string, unknown>;
    const { protocolVersion: requested } = said;
    const known = typeof requested === "string" && LEGACY_PROTOCOL_VERSIONS.includes(requested);
    const protocolVersion = known ? requested : LEGACY_PROTOCOL_VERSION;
    const capabilities = { ...capabilitiesOf(scope, "legacy"), logging: {} };
    const instructions = instructionsOf(scope);
    return {
      protocolVersion,
      hello: { protocolVersion, ...introductionOf(said) },
      result: JSON.stringify({ protocolVersion, capabilities, serverInfo, instructions }),
    };
  }

  function list(exchange: Exchange, kind: ListKind): void {
    const { scope, message, envelope, era } = exchange;
    const page = printPage(scope, kind, era, textOf(message, envelope.cursor), pageSize);
    if (page === undefined) invalid(exchange, "Invalid cursor: take nextCursor of the page before as it is");
    else exchange.reply(resultMessage(exchange.id, page));
    for (const pool of scope.pools) pool.noteListing(kind);
  }

  function named(exchange: Exchange, kind: "tools" | "prompts"): void {
    const { name } = exchange;
    if (name === undefined) {
      invalid(exchange, "params.name is missing or no string");
      return;
    }
    const route = exchange.scope.named(kind, name);
    const mismatch = route === undefined ? undefined : headersDisagree(exchange, route);
    if (mismatch !== undefined)
      exchange.reply(
        errorMessage(exchange.id, rpcCode.headerMismatch, `Headers and body disagree: ${mismatch}`),
        400,
      );
    else if (route !== undefined) start(exchange, routeOfTask(exchange, route), exchange.envelope.name);
    else
      unknown(
        exchange,
        `Unknown ${kind === "tools" ? "tool" : "prompt"}: ${name}`,
        poolOfName(exchange.scope, name),
      );
  }

  function resource(exchange: Exchange): void {
    const { scope, envelope, era, name: uri } = exchange;
    if (uri === undefined) {
      invalid(exchange, "params.uri is missing or no string");
      return;
    }
    const route = scope.resource(uri);
    if (route !== undefined) {
      start(exchange, route, envelope.uri);
      return;
    }
    const code = era === "modern" ? rpcCode.invalidParams : rpcCode.resourceNotFoundLegacy;
    exchange.reply(errorMessage(exchange.id, code, `Resource not found: ${uri}`, { uri }));
  }

  function task(exchange: Exchange): void {
    const taskId = textOf(exchange.message, exchange.envelope.taskId);
    const route = taskId === undefined ? undefined : tasks.find(exchange, taskId);
    if (route === undefined) invalid(exchange, `Task not found: ${taskId ?? "params.taskId is missing"}`);
    else start(exchange, route, exchange.envelope.taskId);
  }

  function complete(exchange: Exchange): void {
    const { scope, message, envelope } = exchange;
    const name = textOf(message, envelope.refName);
    const uri = textOf(message, envelope.refUri);
    const route =
      name !== undefined
        ? scope.named("prompts", name)
        : uri !== undefined
          ? (scope.template(uri) ?? scope.resource(uri))
          : undefined;
    if (route === undefined)
      invalid(
        exchange,
        `Unknown reference: ${name ?? uri ?? "params.ref names neither a prompt nor a resource"}`,
      );
    else start(exchange, route, name !== undefined ? envelope.refName : envelope.refUri);
  }

  /** From here on the request runs, and may be cancelled. */
  function start(exchange: Exchange, route: Route, target: Readonly<Span>): void {
    const { client, message, envelope, era } = exchange;
    if (!client.running.add(exchange)) {
      exchange.reply(
        errorMessage(
          exchange.id,
          rpcCode.invalidRequest,
          "A request with this id is still running; ids must be unique",
        ),
      );
      return;
    }
    running++;
    notifier.noteUse(client, route.pool);
    exchange.observer = observer;
    if (era === "modern" && envelope.isInputRound && held.resume(exchange)) return;
    const logLevel = logLevelOf(client, message, envelope, era, route.pool);
    forward(exchange, route, target, logLevel, routingOf(exchange, route));
  }

  function routingOf(exchange: Exchange, route: Route): RoutingDecision | undefined {
    const decision = router()?.decide(exchange, route);
    const { capabilities, envelope } = exchange;
    // A task is where it was made, whatever the rules say.
    if (decision !== undefined && envelope.method.startsWith("tasks/"))
      return { ...decision, filter: {}, group: "" };
    return capabilities === undefined ? decision : requiring(decision, capabilities);
  }

  function logLevelOf(
    client: Client,
    message: Buffer,
    envelope: Envelope,
    era: Era,
    pool: Pool,
  ): number | undefined {
    if (era === "legacy") return client.logLevel ?? 0;
    const level = LOG_LEVELS.indexOf(textOf(message, envelope.metaLogLevel) ?? "");
    if (level === -1) return undefined;
    notifier.wantLogs([pool], level);
    return level;
  }

  function setLevel(exchange: Exchange): void {
    const { client, message, envelope, scope } = exchange;
    const level = LOG_LEVELS.indexOf(textOf(message, envelope.level) ?? "");
    if (level === -1) {
      invalid(exchange, `params.level must be one of ${LOG_LEVELS.join(", ")}`);
      return;
    }
    client.logLevel = level;
    const request = {
      capability: "logging",
      method: "logging/setLevel",
      params: { level: LOG_LEVELS[level] },
    };
    for (const pool of scope.pools) pool.sessions.tell(client.key, request);
    notifier.wantLogs(
      scope.pools.filter((pool) => !hasOwnSession(client, pool)),
      level,
    );
    done(exchange);
  }

  function subscribe(exchange: Exchange): void {
    const { client, message, envelope, scope } = exchange;
    const uri = textOf(message, envelope.uri);
    const route = uri === undefined ? undefined : scope.resource(uri);
    if (uri === undefined || route === undefined) {
      invalid(exchange, `Resource not found: ${uri ?? "params.uri is missing"}`);
    } else if (client.subscriptions.size >= MAX_SUBSCRIPTIONS) {
      invalid(exchange, `A client may subscribe to at most ${MAX_SUBSCRIPTIONS} resources`);
    } else if (hasOwnSession(client, route.pool)) {
      client.subscriptions.add(uri);
      start(exchange, route, envelope.uri);
    } else {
      notifier.subscribe(client, route.pool, uri);
      done(exchange);
    }
  }

  function unsubscribe(exchange: Exchange): void {
    const { client, message, envelope, scope } = exchange;
    const uri = textOf(message, envelope.uri) ?? "";
    const route = scope.resource(uri);
    if (route !== undefined && hasOwnSession(client, route.pool)) {
      client.subscriptions.delete(uri);
      start(exchange, route, envelope.uri);
      return;
    }
    for (const pool of scope.pools) notifier.unsubscribe(client, pool, uri);
    done(exchange);
  }

  function discover(exchange: Exchange): void {
    const result = {
      resultType: "complete",
      supportedVersions: MODERN_PROTOCOL_VERSIONS,
      capabilities: capabilitiesOf(exchange.scope, "modern"),
      instructions: instructionsOf(exchange.scope),
      ttlMs: 0,
      cacheScope: "private",
      _meta: { "io.modelcontextprotocol/serverInfo": serverInfo },
    };
    exchange.reply(resultMessage(exchange.id, JSON.stringify(result)));
  }

  /** A name that nobody lists is a mistake of the client, unless its pool has not been reached yet. */
  function unknown(exchange: Exchange, message: string, pool: Pool | undefined): void {
    if (pool === undefined || pool.catalog.isKnown) {
      invalid(exchange, message);
      return;
    }
    const reason = pool.members
      .map(({ replica }) => `${replica.id}: ${replica.state.reason ?? replica.state.status}`)
      .join("; ");
    const error = new AggregatorError(
      "NO_SERVERS_AVAILABLE",
      `No upstream of ${pool.namespace} has been reached yet (${reason}).`,
      {
        pool: pool.namespace,
        outcome: "not-executed",
      },
    );
    exchange.fail(error);
  }

  function poolOfName(scope: Scope, name: string): Pool | undefined {
    const [only] = scope.pools;
    if (scope.pools.length === 1) return only;
    return scope.pools.find(({ namespace }) => name.startsWith(namespace + separator));
  }
}

/** `Mcp-Param-*` of a modern client over HTTP: whoever reads the body must compare. */
function headersDisagree(
  { era, headers, message, envelope }: Exchange,
  { entry }: Route,
): string | undefined {
  return era === "legacy" || headers === undefined || entry.headerParams === undefined
    ? undefined
    : headerMismatchOf(entry.headerParams, message, envelope, headers);
}
