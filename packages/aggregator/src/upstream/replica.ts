// One upstream over its whole life: started, watched, restarted with backoff and jitter, drained, stopped.
import { type Clock, createBackoff, type Random } from "@fairlead/core";
import type { HealthCheckConfig, RestartConfig, UpstreamConfig } from "../config.ts";
import type { Envelope } from "../wire/envelope.ts";
import type { ConnectionListener, UpstreamConnection, UpstreamFailure } from "./connection.ts";
import { ControlError, type Hello } from "./control.ts";
import { createEraMemory, type EraMemory } from "./era-detection.ts";
import { checkHealth } from "./health-check.ts";
import { createMailbox } from "./mailbox.ts";
import type { ReplicaState, ReplicaStatus } from "./replica-state.ts";
import type { StartLimiter } from "./start-limiter.ts";
import { type OpenSession, type OpenUpstream, openUpstream } from "./target.ts";

export interface ReplicaOptions {
  readonly id: string;
  readonly config: UpstreamConfig;
  readonly startTimeoutMs: number;
  readonly maxMessageBytes: number;
  readonly maxDepth: number;
  readonly clientInfo: { readonly name: string; readonly version: string };
  /** How the connection that lists and pings introduces itself. */
  readonly hello: Hello;
  readonly health: HealthCheckConfig;
  readonly restart: RestartConfig;
  readonly starts: StartLimiter;
  readonly clock: Clock;
  readonly random: Random;
  readonly listener: ReplicaListener;
  /** What is known of its era; replicas of one upstream share it. @defaultValue its own */
  readonly era?: EraMemory;
}

export interface ReplicaListener {
  /** Runs after every handshake, before the replica gets calls; a rejection counts as a failed start. */
  onConnected(replica: Replica, open: OpenUpstream): Promise<void>;
  onStateChange(replica: Replica): void;
  /** Its operator's own health check says that it is well. */
  onChecked(replica: Replica): void;
  onServerNotification(replica: Replica, message: Buffer, envelope: Envelope): void;
  onStderr(replica: Replica, text: string): void;
}

export interface Replica {
  readonly id: string;
  readonly config: UpstreamConfig;
  readonly state: ReplicaState;
  /** What is known of its era. */
  readonly era: EraMemory;
  /** What takes calls; undefined unless `ready` or `unhealthy`. */
  readonly connection: UpstreamConnection | undefined;
  /** Whether the server keeps a session, in which clients could meet. */
  readonly keepsSessions: boolean;
  /** Opens a session for one client. @throws Error when there is no connection, or the server refuses */
  openSession(hello: Hello, listener: ConnectionListener): Promise<OpenSession>;
  /** Changes how it is watched and restarted, from the next check or failure on. */
  configure(health: HealthCheckConfig, restart: RestartConfig): void;
  start(): void;
  /** Whether that is being looked into: what is known of it is about to change. */
  readonly isSuspected: boolean;
  /** A call met a broken connection: looks at once instead of at the next health check. */
  suspect(): void;
  /** Ends the process group, and with it the replica for good; calls under way fail. */
  stop(): Promise<void>;
}

/** A server that was ready for this long, or said anything once it was, was well: it is started again at once. */
const STABLE_MS = 10_000;
/** Between two checks of a server that did not answer the last one. */
const RECHECK_MS = 1_000;
const CRASH_WINDOW_MS = 60_000;
/** A server behind a URL that was connected no longer ago than this is being restarted, most likely: it is soon back. */
const SOON_BACK_MS = 10_000;
/** Longest delay until then; nothing is started for a question that is refused. */
const RECONNECT_MS = 250;
/** A server that says nothing at all for this long, pings included, is restarted. */
const HUNG_MS = 60_000;

export function createReplica(options: ReplicaOptions): Replica {
  const { id, config, clock, listener } = options;
  const isProcess = config.command !== undefined;
  let settings = settingsOf(options.health, options.restart);
  const era = options.era ?? createEraMemory(config.era);
  const stopping = new AbortController();
  /** Failures of the open connection, and `"look"` to check it now. */
  let events = createMailbox<UpstreamFailure | "look">(clock);
  let open: OpenUpstream | undefined;
  let state: ReplicaState = {
    status: "starting",
    reason: null,
    nextTryAtMs: null,
    restarts: 0,
    pid: null,
    info: null,
  };
  let suspected = false;
  let looking = false;
  let connects = 0;
  /** How far the delays have grown; 0 for a server that was well. */
  let step = 1;
  let failedAt: number[] = [];
  /** When it was connected last. */
  let wellAt = Number.NEGATIVE_INFINITY;
  let life: Promise<void> = Promise.resolve();

  const replica: Replica = {
    id,
    config,
    era,
    get state() {
      return state;
    },
    get connection() {
      return state.status === "ready" || state.status === "unhealthy" ? open?.connection : undefined;
    },
    get keepsSessions() {
      return open?.keepsSessions ?? false;
    },
    get isSuspected() {
      return suspected || looking;
    },
    async openSession(hello, sessionListener) {
      // Processes start a few at a time, whoever they are for.
      const leave = config.transport === "stdio" ? await options.starts.enter(stopping.signal) : () => {};
      try {
        if (open === undefined) throw new Error(state.reason ?? `${id} is not connected`);
        return await open.openSession(hello, sessionListener);
      } finally {
        leave();
      }
    },
    configure(health, restart) {
      settings = settingsOf(health, restart);
    },
    start() {
      life = live();
    },
    suspect() {
      // A hundred calls that fail together are one reason to look.
      if (suspected) return;
      suspected = true;
      events.put("look");
    },
    async stop() {
      stopping.abort(new Error("the gateway stops it"));
      events.put({ executed: "maybe", kind: "closed", message: "the gateway stops it" });
      await life;
    },
  };
  return replica;

  function settingsOf(
    { intervalMs = 10_000, timeoutMs = 5_000, failureThreshold = 2, check }: HealthCheckConfig,
    { baseDelayMs = 200, maxDelayMs = isProcess ? 30_000 : 1_500, crashLoopThreshold = 5 }: RestartConfig,
  ) {
    const backoff = createBackoff({ kind: "equal-jitter", baseDelayMs, maxDelayMs, random: options.random });
    return { intervalMs, timeoutMs, failureThreshold, check, crashLoopThreshold, baseDelayMs, backoff };
  }

  async function live(): Promise<void> {
    while (!stopping.signal.aborted) {
      const failure = await liveOnce();
      if (!stopping.signal.aborted) await waitToRetry(failure);
    }
    if (state.status !== "stopped") change("stopped", null);
  }

  /** One connection from start to end; returns why it ended. */
  async function liveOnce(): Promise<UpstreamFailure> {
    change("starting", state.reason);
    events = createMailbox(clock);
    suspected = false;
    const inbox = events;
    try {
      open = await openLimited((failure) => {
        // At once, and not when the loop gets to it: the next call must not be sent here.
        if (state.status === "ready" || state.status === "unhealthy") change("starting", failure.message);
        inbox.put(failure);
      });
      connects++;
      for (;;) {
        await listener.onConnected(replica, open);
        change("ready", null);
        const readyAt = clock.now();
        const failure = await watch(open.connection);
        wellAt = clock.now();
        if (clock.now() - readyAt >= STABLE_MS || open.connection.lastHeardAt > readyAt) step = 0;
        if (failure.kind !== "session-lost") return failure;
        // The process is well, only the session is gone: calls under way keep their streams.
        change("starting", failure.message);
        await open.renew();
      }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return { executed: "no", kind: "transport", message, cause: error };
    } finally {
      const closing = open;
      open = undefined;
      if (closing !== undefined) {
        // Nothing is sent to it from here on, so say so before its end, which may take seconds.
        if (stopping.signal.aborted) change("stopped", null);
        else change("starting", state.reason);
        await closing.close();
      }
    }
  }

  async function openLimited(onDown: (failure: UpstreamFailure) => void): Promise<OpenUpstream> {
    const leave = await options.starts.enter(stopping.signal);
    try {
      return await openUpstream(
        config,
        {
          onServerNotification: (message, envelope) =>
            listener.onServerNotification(replica, message, envelope),
          onDown,
          onStreamBroken: () => replica.suspect(),
        },
        { ...options, era, signal: stopping.signal, onStderr: (text) => listener.onStderr(replica, text) },
      );
    } finally {
      leave();
    }
  }

  /** Waits for the connection to fail, and pings it meanwhile. */
  async function watch(connection: UpstreamConnection): Promise<UpstreamFailure> {
    let missed = 0;
    for (;;) {
      const { intervalMs, failureThreshold } = settings;
      const usual = intervalMs === 0 ? Infinity : intervalMs;
      // Whoever did not answer is asked more often, so that it is back soon.
      const event = await events.take(missed === 0 ? usual : Math.min(usual, RECHECK_MS));
      if (event !== undefined && event !== "look") return event;
      suspected = false;
      const { check, timeoutMs } = settings;
      looking = event === "look";
      const problem = await checkHealth(connection, { id, check, timeoutMs, clock });
      looking = false;
      if (problem === undefined) {
        missed = 0;
        if (check !== undefined) listener.onChecked(replica);
        if (state.status === "unhealthy") change("ready", null);
        continue;
      }
      if (problem.isBroken) return { executed: "no", kind: "transport", message: problem.message };
      missed++;
      if (missed >= failureThreshold) change("unhealthy", `${problem.message} (${missed} times in a row)`);
      const silentMs = clock.now() - connection.lastHeardAt;
      if (missed >= failureThreshold && silentMs >= HUNG_MS) {
        return {
          executed: "maybe",
          kind: "transport",
          message: `said nothing for ${Math.round(silentMs / 1_000)} s`,
        };
      }
    }
  }

  async function waitToRetry(failure: UpstreamFailure): Promise<void> {
    const now = clock.now();
    failedAt = [...failedAt.filter((at) => now - at < CRASH_WINDOW_MS), now];
    const looping = isProcess && failedAt.length >= settings.crashLoopThreshold;
    if (looping) step = Math.max(step, failedAt.length - settings.crashLoopThreshold + 1);
    const isSoonBack = !isProcess && now - wellAt < SOON_BACK_MS && isUnreachable(failure);
    const delayMs =
      step === 0 ? 0 : Math.min(settings.backoff.delayMs(step), isSoonBack ? soonMs() : Infinity);
    step++;
    change(looping ? "crash-loop" : "waiting", failure.message, now + delayMs);
    if (delayMs > 0) await clock.sleep(delayMs, stopping.signal).catch(() => {});
  }

  /** Never sooner than its operator lets it be asked for the first time. */
  function soonMs(): number {
    return Math.max(RECONNECT_MS, settings.baseDelayMs);
  }

  function change(status: ReplicaStatus, reason: string | null, nextTryAtMs: number | null = null): void {
    const restarts = Math.max(0, connects - 1);
    state = { status, reason, nextTryAtMs, restarts, pid: open?.pid ?? null, info: open?.info ?? state.info };
    listener.onStateChange(replica);
  }
}

/** Nobody was there to say no, or broke off: what a server answers is no reason to ask it more often. */
function isUnreachable({ kind, status, cause }: UpstreamFailure): boolean {
  const failure = cause instanceof ControlError ? cause.failure : { kind, status };
  return failure?.kind === "transport" && failure.status === undefined;
}
