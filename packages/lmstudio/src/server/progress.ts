// Progress notifications of one tool call, for clients that have asked for them: at every change, not more than a few a second,
// and now and then when nothing changes, so that a client that counts from the last one does not give up.
import type { Clock } from "@fairlead/core";
import type { ServerContext } from "@modelcontextprotocol/server";

export interface Progress {
  /** Whether anybody listens. */
  readonly wanted: boolean;
  /** The newest state of things. @param at - how far of `total`, where that is known. */
  tell(message: string, at?: { readonly done: number; readonly total: number }): void;
  /** Ends the repetitions. */
  stop(): void;
}

const notMoreOftenThanMs = 250;
const atLeastEveryMs = 5_000;

export function createProgress({ mcpReq }: ServerContext, clock: Clock): Progress {
  const progressToken = mcpReq._meta?.progressToken;
  const wanted = progressToken !== undefined;
  const ended = new AbortController();
  let count = 0;
  let sentAt = Number.NEGATIVE_INFINITY;
  let last = "";
  let total: number | undefined;
  if (wanted) void repeat();

  return {
    wanted,
    tell(message, at) {
      if (!wanted || ended.signal.aborted) return;
      // A new kind of news always goes out.
      const isNew = at !== undefined || kindOf(message) !== kindOf(last);
      last = message;
      if (at !== undefined) {
        // Progress may not fall back, and other news has counted on.
        count = Math.max(count, at.done);
        total = at.total;
      }
      if (isNew || clock.now() - sentAt >= notMoreOftenThanMs) send(message, at === undefined);
    },
    stop: () => ended.abort(new Error("done")),
  };

  async function repeat(): Promise<void> {
    try {
      for (;;) {
        await clock.sleep(atLeastEveryMs, ended.signal);
        if (clock.now() - sentAt >= atLeastEveryMs - 1) send(last === "" ? "waiting" : last, true);
      }
    } catch {
      // The call is over.
    }
  }

  function send(message: string, counts: boolean): void {
    // By a tenth at most below the next whole one, so that it always grows and a total is never passed.
    if (counts) count += total === undefined ? 1 : (Math.floor(count) + 0.9 - count) / 2;
    sentAt = clock.now();
    const params = { progressToken, progress: count, ...(total === undefined ? {} : { total }), message };
    // A client that has left is told nothing.
    mcpReq.notify({ method: "notifications/progress", params }).catch(() => {});
  }
}

/** The words before the first number. */
function kindOf(message: string): string {
  return message.replace(/\d.*$/s, "");
}
