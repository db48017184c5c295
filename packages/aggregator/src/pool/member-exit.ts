// How members of a pool go: they finish what they have, and whoever takes their place serves before they do.
import type { Clock } from "@fairlead/core";
import type { UpstreamConfig } from "../config.ts";
import { AggregatorError } from "../errors.ts";
import { isServing, type MemberMode, type PoolMember } from "./member.ts";

/** What they need of those who stay. */
export interface MemberExitHost {
  readonly clock: Clock;
  readonly isStarted: () => boolean;
  readonly isStopped: () => boolean;
  isCurrent(member: PoolMember): boolean;
  create(id: string, upstream: string, config: UpstreamConfig): PoolMember;
  /** Puts `next` where `member` was. */
  swap(member: PoolMember, next: PoolMember): void;
  setMode(member: PoolMember, mode: MemberMode, reason: string | null): void;
  /** Resolves when it is ready, or has failed once. */
  settled(member: PoolMember): Promise<void>;
  /** It has ended. */
  forget(member: PoolMember): void;
}

export interface ReplaceOptions {
  /** How long the old one's calls may take to end, in milliseconds. */
  readonly drainTimeoutMs: number;
  /** The old one finishes and ends before the new one starts. @defaultValue false */
  readonly endFirst?: boolean;
}

export interface MemberExit {
  /** Puts a new one in its place. @throws {@link AggregatorError} when that did not become ready; the old one goes on */
  replace(member: PoolMember, config: UpstreamConfig, options: ReplaceOptions): Promise<void>;
  /** Ends it when its calls have ended, or `drainTimeoutMs` have passed. */
  finish(member: PoolMember, drainTimeoutMs: number): Promise<void>;
  /** Resolves when it has no calls, or after `timeoutMs`, or when it no longer drains. */
  idle(member: PoolMember, timeoutMs: number): Promise<void>;
}

const IDLE_POLL_MS = 10;

export function createMemberExit(host: MemberExitHost): MemberExit {
  const { clock, setMode } = host;
  return { replace, finish, idle: (member, timeoutMs) => idle(member, timeoutMs) };

  async function replace(
    member: PoolMember,
    config: UpstreamConfig,
    { drainTimeoutMs, endFirst = false }: ReplaceOptions,
  ): Promise<void> {
    const next = host.create(member.id, member.upstream, config);
    if (member.mode === "draining" && next.mode === "active") {
      next.mode = "draining";
      next.modeReason = member.modeReason;
    }
    const hasToLose = host.isStarted() && isServing(member) && next.mode === "active";
    if (hasToLose && endFirst) {
      setMode(member, "draining", "makes room for a new one");
      await idle(member, drainTimeoutMs, true);
      await member.replica.stop();
    } else if (hasToLose) {
      next.replica.start();
      await host.settled(next);
      const { status, reason } = next.replica.state;
      if (status !== "ready") {
        await discard(next);
        throw new AggregatorError(
          "CONNECTION_FAILED",
          `${member.id} was not replaced, and goes on as it was: the new one did not become ready: ${reason ?? status}`,
          { upstream: member.id },
        );
      }
    }
    if (!host.isCurrent(member) || host.isStopped()) {
      await discard(next);
      throw new AggregatorError("SERVER_UNKNOWN", `${member.id} was removed while it was to be replaced.`);
    }
    next.calls = member.calls;
    next.failures = member.failures;
    host.swap(member, next);
    void finish(member, drainTimeoutMs);
  }

  async function finish(member: PoolMember, drainTimeoutMs: number): Promise<void> {
    if (member.mode !== "disabled") {
      setMode(member, "leaving", "leaves the pool");
      await idle(member, drainTimeoutMs, true);
    }
    await discard(member);
  }

  async function discard(member: PoolMember): Promise<void> {
    await member.replica.stop();
    host.forget(member);
  }

  async function idle(member: PoolMember, timeoutMs: number, evenIfActive = false): Promise<void> {
    const deadline = clock.now() + timeoutMs;
    while (member.inFlight > 0 && !host.isStopped() && clock.now() < deadline) {
      if (!evenIfActive && member.mode === "active") return;
      await clock.sleep(IDLE_POLL_MS);
    }
  }
}
