// Sends a client's request to a pool and its answer back. Only what must change changes: the id, the progress token
// and the name on the way in, the first two on the way out; where client and server are of different eras, also what the
// other one's revision requires.
import { type Caller, DEFAULT_PRIORITY } from "../caller.ts";
import type { Route } from "../catalog/catalog.ts";
import type { PoolEntry } from "../catalog/pool-catalog.ts";
import type { Era } from "../era.ts";
import { AggregatorError, type AggregatorErrorFacts } from "../errors.ts";
import type { CallPolicy } from "../pool/policy.ts";
import type { Pool } from "../pool/pool.ts";
import type { PoolRequest } from "../pool/pool-request.ts";
import { mayRunTwice } from "../pool/safety.ts";
import type { RoutingDecision } from "../router/router.ts";
import type { AnswerSink, ServerRequest } from "../upstream/connection.ts";
import type { RequestTarget } from "../upstream/request-target.ts";
import { type Envelope, integerOf, type Span, textOf } from "../wire/envelope.ts";
import { memberOf } from "../wire/json-scan.ts";
import { errorMessage, rpcCode } from "../wire/reply.ts";
import { type Splice, Spliced, splice } from "../wire/splice.ts";
import { type TraceContext, traceFields, withTraceContext } from "../wire/trace-context.ts";
import { type Exchange, LOG_LEVELS } from "./client.ts";
import { MAX_ROUNDS } from "./input-rounds.ts";
import { taskMadeBy } from "./tasks.ts";
import { spliceForLegacy } from "./to-legacy.ts";
import { headersForModern, spliceForModern } from "./to-modern.ts";

/**
 * Runs a request on its pool. `target` is where its name stands, `logLevel` the least severe log message wanted, `routing`
 * what a rule says about it.
 */
export function forward(
  exchange: Exchange,
  route: Route,
  target: Readonly<Span>,
  logLevel: number | undefined,
  routing: RoutingDecision | undefined,
): void {
  exchange.work = route.pool.calls.dispatch(new ForwardedRequest(exchange, route, target, logLevel, routing));
}

const NOTHING = Buffer.alloc(0);

/** One of the requests that a call takes when its server wants input; with what the further ones have beside their own. */
interface Round {
  readonly number: number;
  readonly members: Buffer | undefined;
}

const FIRST_ROUND: Round = { number: 1, members: undefined };

class ForwardedRequest implements PoolRequest {
  readonly method: string;
  readonly entry: PoolEntry;
  readonly caller: Caller;
  readonly priority: number;
  readonly routing: RoutingDecision | undefined;
  readonly repeatable: boolean;
  readonly onlyModern: boolean;
  readonly timeoutMs: number;
  readonly maxTimeoutMs: number;
  readonly policy: CallPolicy;
  readonly track: Exchange["track"];
  readonly #exchange: Exchange;
  readonly #route: Route;
  readonly #target: Readonly<Span>;
  readonly #logLevel: number | undefined;
  readonly #round: Round;
  /** What the client calls it. */
  readonly #sent: string | undefined;

  constructor(
    exchange: Exchange,
    route: Route,
    target: Readonly<Span>,
    logLevel: number | undefined,
    routing: RoutingDecision | undefined,
    round: Round = FIRST_ROUND,
  ) {
    const { method, isInputRound } = exchange.envelope;
    const { entry, original } = route;
    const policy = route.pool.calls.policyOf(method, original);
    this.method = method;
    this.entry = entry;
    this.policy = policy;
    this.caller = exchange.caller;
    this.priority = routing?.priority ?? exchange.caller.priority ?? DEFAULT_PRIORITY;
    this.routing = routing;
    this.repeatable = mayRunTwice(this);
    // Answers to questions that nobody here asked are no reason to refuse: a legacy server asks its own.
    this.onlyModern =
      round.members !== undefined || (isInputRound && exchange.era === "modern" && hasModern(route.pool));
    this.maxTimeoutMs = routing?.maxTimeoutMs ?? policy.maxTimeoutMs;
    // `tasks/result` answers when the task ends, and says nothing before.
    this.timeoutMs = method === "tasks/result" ? this.maxTimeoutMs : (routing?.timeoutMs ?? policy.timeoutMs);
    this.track = exchange.track;
    this.#exchange = exchange;
    this.#route = route;
    this.#target = target;
    this.#logLevel = logLevel;
    this.#round = round;
    const { name, uri } = exchange.envelope;
    this.#sent = target === name || target === uri ? exchange.name : textOf(exchange.message, target);
  }

  get origin(): Exchange {
    return this.#exchange;
  }

  get subject(): string {
    return `${this.method === "tools/call" ? "tool" : this.method} ${this.#route.original}`;
  }

  argumentBytes(): Buffer {
    const { message, envelope } = this.#exchange;
    return memberOf(message, envelope.params, "arguments") ?? NOTHING;
  }

  encode(id: number, upstream: RequestTarget, trace: TraceContext | undefined): Buffer | Spliced {
    const { message, envelope } = this.#exchange;
    const { original } = this.#route;
    const idBytes = Buffer.from(String(id));
    const splices: Splice[] = [{ span: envelope.id, bytes: idBytes }];
    if (envelope.metaProgressToken.start !== -1)
      splices.push({ span: envelope.metaProgressToken, bytes: idBytes });
    if (this.#sent !== original) splices.push({ span: this.#target, bytes: this.#printedName() });
    if (this.#round.members !== undefined) splices.push(insertion(envelope.params, this.#round.members));
    if (upstream.era === "modern")
      spliceForModern(splices, this.#exchange, upstream, this.#route.pool.config.clientCapabilities);
    else if (this.#exchange.era === "modern") spliceForLegacy(splices, this.#exchange);
    if (trace !== undefined) return withTraceContext(splice(message, splices), trace);
    return new Spliced(message, splices);
  }

  /** As the server printed it in its list, where it did. */
  #printedName(): Buffer {
    const { entry, original } = this.#route;
    const { start, end } = entry.nameSpan;
    return entry.key === original && start !== -1
      ? entry.bytes.subarray(start, end)
      : Buffer.from(JSON.stringify(original));
  }

  headers(): readonly string[] {
    return headersForModern(this.#exchange, this.#route.original, this.entry);
  }

  traceFields(trace: TraceContext | undefined): readonly string[] {
    return traceFields(this.#exchange.headers, trace);
  }

  onNotification(notification: Buffer, noted: Envelope): void {
    const out = notificationFor(this.#exchange, notification, noted, this.#logLevel);
    if (out !== undefined) this.#exchange.notify(out);
  }

  onPause(retryMs: number): void {
    this.#exchange.pause(retryMs);
  }

  onServerRequest(request: ServerRequest): void {
    this.#exchange.observer?.asked(this.#exchange, request);
  }

  onAnswer(answer: Buffer, answered: Envelope, upstream: string): void {
    const exchange = this.#exchange;
    const { pool, original } = this.#route;
    exchange.track?.note(answer, answered);
    const taskId = taskMadeBy(exchange, answer, answered);
    if (taskId !== undefined && exchange.observer?.madeTask(exchange, taskId, pool, upstream) === false) {
      exchange.fail(foreignTask(pool.namespace, upstream));
      return;
    }
    const kind = exchange.era === "legacy" ? textOf(answer, answered.resultType) : undefined;
    if (kind === undefined || kind === "complete") pass(exchange, answer, answered);
    else if (kind === "input_required") this.#askForInput(answer, answered);
    else exchange.fail(unfinished(pool.namespace, original, kind));
  }

  /** A legacy client is asked in the middle of its call; the server is then called again with the answers. */
  #askForInput(answer: Buffer, answered: Envelope): void {
    const exchange = this.#exchange;
    const { pool } = this.#route;
    const refused = (why: string): void =>
      this.onError(
        new AggregatorError("INPUT_REFUSED", `${this.subject}: ${why}.`, {
          pool: pool.namespace,
          outcome: "unknown",
        }),
      );
    if (this.#round.number >= MAX_ROUNDS) {
      refused(`the server still asks after ${MAX_ROUNDS} rounds`);
      return;
    }
    // What follows at once, as when nothing is asked, comes behind this.
    exchange.work = undefined;
    const work = exchange.observer?.askedByAnswer(exchange, answer, answered, {
      onAnswered: (members) => {
        const further = { number: this.#round.number + 1, members };
        exchange.work = pool.calls.dispatch(
          new ForwardedRequest(exchange, this.#route, this.#target, this.#logLevel, this.routing, further),
        );
      },
      onRefused: refused,
    });
    exchange.work ??= work;
  }

  /** Nothing but the id differs between equal eras; for the other one the whole answer has to be seen. */
  onLongAnswer(era: Era, resume: () => void): AnswerSink | undefined {
    return era === this.#exchange.era ? this.#exchange.replyInParts(resume) : undefined;
  }

  onError(error: AggregatorError): void {
    const exchange = this.#exchange;
    exchange.track?.noteError(error.code);
    const missing = exchange.era === "modern" ? missingCapability(error) : undefined;
    if (missing === undefined) exchange.fail(error);
    else exchange.reply(errorMessage(exchange.id, missing.code, missing.message, missing.data), 400);
  }
}

/** Puts members in front of those of `params`, which has some: what is routed has a name. */
function insertion({ start }: Readonly<Span>, members: Buffer): Splice {
  return {
    span: { start: start + 1, end: start + 1 },
    bytes: Buffer.concat([members, Buffer.from(",")]),
  };
}

/**
 * The server's complaint that a capability is missing. A modern client's own declaration reached the server, so the
 * complaint is the client's to hear, in the words of its revision.
 */
function missingCapability({ facts }: AggregatorError): AggregatorErrorFacts["upstreamError"] {
  return facts.upstreamError?.code === rpcCode.missingClientCapability ? facts.upstreamError : undefined;
}

/** A task whose id is another one's: nobody could tell them apart. */
function foreignTask(pool: string, upstream: string): AggregatorError {
  return new AggregatorError(
    "CONNECTION_FAILED",
    `${upstream} made a task under an id that another task has already.`,
    { pool, upstream, outcome: "unknown" },
  );
}

function hasModern({ members }: Pool): boolean {
  return members.some(({ replica }) => replica.state.info?.era === "modern");
}

/** A result that a client without the modern era's words would take for a complete one. */
function unfinished(pool: string, subject: string, resultType: string): AggregatorError {
  return new AggregatorError(
    "CONNECTION_FAILED",
    `${subject} answered with resultType "${resultType}", which only clients of revision 2026-07-28 understand.`,
    { pool, outcome: "unknown" },
  );
}

function notificationFor(
  { message, envelope }: Exchange,
  notification: Buffer,
  noted: Envelope,
  logLevel: number | undefined,
): Buffer | undefined {
  if (noted.method === "notifications/progress") {
    const { start, end } = envelope.metaProgressToken;
    return start === -1
      ? undefined
      : splice(notification, [{ span: noted.progressToken, bytes: message.subarray(start, end) }]);
  }
  return logLevel !== undefined && severityOf(notification, noted) >= logLevel ? notification : undefined;
}

/** The index of a log message's level; a level that nobody knows counts as the most severe. */
export function severityOf(notification: Buffer, envelope: Envelope): number {
  const level = LOG_LEVELS.indexOf(textOf(notification, envelope.level) ?? "");
  return level === -1 ? LOG_LEVELS.length : level;
}

function pass(exchange: Exchange, answer: Buffer, envelope: Envelope): void {
  const { era, id, envelope: asked } = exchange;
  const splices: Splice[] = [{ span: envelope.id, bytes: id }];
  if (era === "modern") {
    if (envelope.kind === "result") addModernFields(splices, asked.method, envelope);
    else if (integerOf(answer, envelope.errorCode) === rpcCode.resourceNotFoundLegacy) {
      splices.push({ span: envelope.errorCode, bytes: Buffer.from(String(rpcCode.invalidParams)) });
    }
  } else if (asked.method === "resources/read" && isModernNotFound(answer, envelope)) {
    splices.push({ span: envelope.errorCode, bytes: Buffer.from(String(rpcCode.resourceNotFoundLegacy)) });
  }
  if (envelope.kind === "error") exchange.reply(splice(answer, splices));
  else exchange.replyWith(new Spliced(answer, splices));
}

/** 2026-07-28 has no code of its own for a resource that is not there; it names the URI. */
function isModernNotFound(answer: Buffer, envelope: Envelope): boolean {
  if (envelope.kind !== "error" || integerOf(answer, envelope.errorCode) !== rpcCode.invalidParams)
    return false;
  const { error } = JSON.parse(answer.toString("utf8")) as { error?: { data?: { uri?: unknown } | null } };
  return typeof error?.data?.uri === "string";
}

/** 2026-07-28: every result says what kind it is, and a read resource says how long it may be kept. */
function addModernFields(splices: Splice[], method: string, envelope: Envelope): void {
  const fields: string[] = [];
  if (envelope.resultType.start === -1) fields.push('"resultType":"complete"');
  if (method === "resources/read" && !envelope.hasTtl) fields.push('"ttlMs":0,"cacheScope":"private"');
  if (fields.length === 0) return;
  const at = envelope.result.start + 1;
  splices.push({
    span: { start: at, end: at },
    bytes: Buffer.from(fields.join(",") + (envelope.resultIsEmpty ? "" : ",")),
  });
}
