// What the gateway says, in words for people who know none of its terms. Pure functions: tests call them without a browser.

/** Symbol, words and weight of a server's state. */
const STATES = {
  ready: ["●", "Working", "good"],
  starting: ["◌", "Starting", "warn"],
  waiting: ["◌", "Down, tried again soon", "bad"],
  unhealthy: ["✕", "Not answering", "bad"],
  "crash-loop": ["✕", "Keeps ending", "bad"],
  draining: ["◐", "Taken out of service", "warn"],
  disabled: ["○", "Switched off", "quiet"],
  stopped: ["○", "Ended", "bad"],
};

const BREAKERS = {
  closed: ["Closed", "calls pass"],
  open: ["Open", "left alone after failures"],
  "half-open": ["Half-open", "being tried again"],
};

export function stateOf({ status, ejected }) {
  if (status === "ready" && ejected === true)
    return { symbol: "◐", text: "Resting after failures", weight: "warn" };
  const [symbol, text, weight] = STATES[status] ?? ["?", status, "warn"];
  return { symbol, text, weight };
}

export function breakerOf(breaker) {
  const [text, hint] = BREAKERS[breaker] ?? [breaker, ""];
  return { text, hint };
}

/** The whole of it in one sentence. */
export function summaryOf({ status, pools }) {
  const all = pools.flatMap(({ replicas }) => replicas).filter(({ status: is }) => is !== "disabled");
  const ready = all.filter(isReady).length;
  const down = all.filter((one) => stateOf(one).weight === "bad").length;
  const leaving = all.filter(({ status: is }) => is === "draining").length;
  const gone = pools.filter(({ replicas }) => replicas.length > 0 && !replicas.some(isReady));
  if (status === "draining")
    return { weight: "warn", text: "The gateway is ending: it finishes its calls and takes no new ones." };
  if (down === 0 && ready < all.length && leaving === 0)
    return { weight: "warn", text: `Starting: ${ready} of ${count(all.length, "server")} ready.` };
  const said = [];
  if (down === 0) said.push(`Everything works: ${count(ready, "server")} ready.`);
  else said.push(`${count(down, "server")} of ${all.length} ${down === 1 ? "is" : "are"} not working.`);
  if (leaving > 0)
    said.push(`${count(leaving, "server")} ${leaving === 1 ? "was" : "were"} taken out of service.`);
  if (gone.length > 0)
    said.push(`Nothing in ${gone.map(({ namespace }) => namespace).join(", ")} can be used at the moment.`);
  else if (down > 0) said.push("Others of the same group stand in.");
  const weight = gone.length > 0 ? "bad" : down > 0 || leaving > 0 ? "warn" : "good";
  return { weight, text: said.join(" ") };
}

function isReady({ status }) {
  return status === "ready";
}

export function clientStateOf({ active, breaker }) {
  if (breaker === "open") return { symbol: "✕", text: "Paused: too many wrong requests", weight: "bad" };
  if (breaker === "half-open") return { symbol: "◐", text: "Being tried again", weight: "warn" };
  return active
    ? { symbol: "●", text: "Active", weight: "good" }
    : { symbol: "○", text: "Idle", weight: "quiet" };
}

/** One event as a sentence; undefined for what only concerns programs. */
export function sentenceOf(event) {
  const { type, upstream, pool, reason } = event;
  const why = typeof reason === "string" && reason !== "" ? `: ${reason}` : "";
  switch (type) {
    case "upstream-state":
      if (event.status === "ready") return `${upstream} is working.`;
      if (event.status === "starting") return undefined;
      return `${upstream}: ${stateOf(event).text.toLowerCase()}${why}`;
    case "failover":
      return `An operator took ${upstream} out${why}; ${count(event.moved, "call")} went on elsewhere.`;
    case "calls-moved":
      return `${upstream} failed with calls under way; they went on on ${event.to}${why}`;
    case "upstream-ejected":
      return `${upstream} gets no calls for ${duration(event.durationMs)}: too many failed (${reason}).`;
    case "upstream-returned":
      return `${upstream} gets calls again.`;
    case "upstream-scaled":
      return `${upstream} has ${event.to} processes instead of ${event.from}${why}`;
    case "upstream-added":
      return `The server ${upstream} was added.`;
    case "upstream-removed":
      return `The server ${upstream} was removed.`;
    case "upstream-updated":
      return `The server ${upstream} was changed.`;
    case "upstream-restarted":
      return `The server ${upstream} was restarted.`;
    case "pool-added":
      return `The group ${pool} was added.`;
    case "pool-removed":
      return `The group ${pool} was removed.`;
    case "pool-updated":
      return `The group ${pool} was changed.`;
    case "panic-began":
      return `Few servers of ${pool} are well: all of them get calls, whatever failed before.`;
    case "panic-ended":
      return `Enough servers of ${pool} are well again.`;
    case "tool-drift":
      return `The tool ${event.tool} of ${pool} is not described as it was before${event.isHidden ? "; it is hidden until an operator approves it" : ""}.`;
    case "tool-suspicion":
      return `The tool ${event.tool} of ${pool} has a suspicious description.`;
    case "config-reloaded":
      return event.ok
        ? "The configuration was read again."
        : "The configuration has mistakes and was not applied.";
    case "admin-change":
      return `${event.actor}: ${inWords(event.operation)}${event.outcome === "ok" ? "" : ` (${event.outcome})`}`;
    case "problem":
      return `${upstream}: ${event.message}`;
    case "name-collision":
      return collision(event.collision);
    case "strategy-fault":
      return `The way of choosing servers in ${pool} misbehaved${event.replacedBy ? `; ${event.replacedBy} takes its place` : ""}.`;
    case "draining":
      return "The gateway is ending.";
    default:
      return undefined;
  }
}

function collision({ kind, name, first, second }) {
  return `Two ${inWords(kind)} are called ${name}: of ${first.pool} and ${second.pool}. That of ${second.pool} is not offered.`;
}

/** "failoverServer" as people write it. */
function inWords(name) {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

export function count(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

export function duration(ms) {
  if (!Number.isFinite(ms) || ms < 0) return "–";
  if (ms < 1) return ms === 0 ? "–" : "< 1 ms";
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

export function share(ratio) {
  if (!(ratio > 0)) return "0 %";
  const percent = ratio * 100;
  return percent < 0.1 ? "< 0.1 %" : `${percent.toFixed(percent < 10 ? 1 : 0)} %`;
}

export function perSecond(rate) {
  return rate === 0 ? "0" : rate < 0.1 ? "< 0.1" : rate.toFixed(rate < 10 ? 1 : 0);
}

export function bytes(number) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let at = 0;
  let value = number;
  for (; value >= 1_000 && at < units.length - 1; at++) value /= 1_000;
  return `${value < 10 && at > 0 ? value.toFixed(1) : Math.round(value)} ${units[at]}`;
}
