// The dashboard: asks for the state every two seconds, and at once when something happens. All text is set as text, never as
// markup: names and reasons come from servers and clients.
import { ask, keepToken, knownToken, listen, Refused } from "./gateway.js";
import {
  breakerOf,
  bytes,
  clientStateOf,
  count,
  duration,
  perSecond,
  sentenceOf,
  share,
  stateOf,
  summaryOf,
} from "./words.js";

const EVERY_MS = 2_000;
const SOON_MS = 150;
const MAX_EVENTS = 20;

const at = (id) => document.getElementById(id);
let token = knownToken();
let stop = new AbortController();
let timer;
let lastEvent = 0;
/** Newest first. */
let events = [];

at("sign-in-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token = at("token").value.trim();
  at("token").value = "";
  begin();
});
at("sign-out").addEventListener("click", () => signIn(""));
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && token !== null) void refresh();
});

if (token === null) signIn("");
else begin();

function begin() {
  stop.abort();
  stop = new AbortController();
  events = [];
  lastEvent = 0;
  void refresh();
  void follow(stop.signal);
}

function signIn(error) {
  stop.abort();
  clearTimeout(timer);
  token = null;
  keepToken(null);
  at("content").hidden = true;
  at("sign-out").hidden = true;
  at("facts").textContent = "";
  say("unknown", "Sign in to see how the gateway is doing.");
  at("sign-in").hidden = false;
  at("sign-in-error").textContent = error;
  at("token").focus();
}

async function refresh() {
  clearTimeout(timer);
  const { signal } = stop;
  try {
    const paths = ["/api/status", "/api/analytics", "/api/clients"];
    const answers = await Promise.all(paths.map(async (path) => (await ask(path, token, signal)).json()));
    if (signal.aborted) return;
    keepToken(token);
    show(...answers);
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof Refused) {
      signIn("This token is not the operators’ token of this gateway.");
      return;
    }
    say("bad", "The gateway cannot be reached. It is tried again every few seconds.");
  }
  if (!document.hidden) timer = setTimeout(refresh, EVERY_MS);
}

/** Reads the stream of events again and again; what happened in between is caught up on. */
async function follow(signal) {
  for (;;) {
    try {
      if (lastEvent === 0) {
        const recent = await (await ask(`/api/events/recent?limit=200`, token, signal)).json();
        for (const event of recent.events) take(event);
      }
      await listen(
        token,
        lastEvent,
        (event) => {
          take(event);
          clearTimeout(timer);
          timer = setTimeout(refresh, SOON_MS);
        },
        signal,
      );
    } catch (error) {
      if (error instanceof Refused) return;
    }
    if (signal.aborted) return;
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

function take(event) {
  // The gateway was started anew: its events count from 1 again.
  if (event.sequence < lastEvent) events = [];
  lastEvent = event.sequence;
  const sentence = sentenceOf(event);
  if (sentence === undefined) return;
  // What happens over and over is one line that counts.
  const before = events.find((one) => one.sentence === sentence);
  const times = (before?.times ?? 0) + 1;
  const others = events.filter((one) => one !== before);
  events = [{ at: new Date(event.at), sentence, times }, ...others].slice(0, MAX_EVENTS);
  showEvents();
}

function show(status, analytics, { clients }) {
  at("sign-in").hidden = true;
  at("content").hidden = false;
  at("sign-out").hidden = false;
  const { weight, text } = summaryOf(status);
  say(weight, text);
  at("facts").textContent =
    `${status.version} · running for ${duration(status.uptimeMs)} · clients connect to ${status.endpoint}`;
  showProblems(status.problems);
  showTiles(analytics.dashboard);
  showServers(status.pools, analytics.dashboard.pools);
  showClients(clients);
  showEvents();
}

function showProblems(problems) {
  at("problems-section").hidden = problems.length === 0;
  at("problems").replaceChildren(
    ...problems.map(({ message, fix }) =>
      element("li", {}, message, element("span", { class: "note" }, `What to do: ${fix}`)),
    ),
  );
}

function showTiles({ throughput, errorRate, latencyMs, inFlight, queueSize, calls }) {
  const tiles = [
    ["Calls per second", perSecond(throughput), `${count(calls, "call")} in all`],
    ["Failed", share(errorRate), "of these calls"],
    ["Typical time", duration(latencyMs.p50), "half are faster"],
    ["Slowest 1 %", duration(latencyMs.p99), "take at least this long"],
    ["In progress", String(inFlight), "right now"],
    ["Waiting", String(queueSize), "for a server with room"],
  ];
  at("tiles").replaceChildren(
    ...tiles.map(([name, value, hint]) =>
      element(
        "div",
        {},
        element("dt", {}, name),
        element("dd", { class: "value" }, value),
        element("dd", { class: "hint" }, hint),
      ),
    ),
  );
}

function showServers(pools, figures) {
  const rows = pools.flatMap((pool) => {
    const of = figures.find(({ namespace }) => namespace === pool.namespace);
    const waiting = pool.queued > 0 ? `, ${count(pool.queued, "call")} waiting` : "";
    const title = element("th", { scope: "colgroup", colspan: "9" }, pool.namespace);
    title.append(element("span", { class: "note" }, `${count(pool.tools, "tool")}${waiting}`));
    return [
      element("tr", { class: "group" }, title),
      ...pool.replicas.map((replica) =>
        serverRow(
          replica,
          of?.upstreams.find(({ id }) => id === replica.id),
        ),
      ),
    ];
  });
  at("servers").replaceChildren(...rows);
}

function serverRow(replica, figures) {
  const { id, breaker, inFlight, restarts, reason } = replica;
  const { text, hint } = breakerOf(breaker);
  const { throughput = 0, errorRate = 0, latencyMs = { p50: 0, p99: 0 } } = figures ?? {};
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, id),
    element(
      "td",
      {},
      badge(stateOf(replica)),
      ...(reason === null ? [] : [element("span", { class: "note" }, reason)]),
    ),
    element("td", {}, text, element("span", { class: "note" }, hint)),
    ...[
      String(inFlight),
      perSecond(throughput),
      duration(latencyMs.p50),
      duration(latencyMs.p99),
      share(errorRate),
      String(restarts),
    ].map(number),
  );
}

function showClients(clients) {
  const rows = clients
    .toSorted((a, b) => a.idleMs - b.idleMs)
    .map((client) => {
      const { id, known, inFlight, usage, idleMs, active } = client;
      const seen = active ? (known ? "has a key" : "without a key") : `last seen ${duration(idleMs)} ago`;
      return element(
        "tr",
        {},
        element("th", { scope: "row" }, id, element("span", { class: "note" }, seen)),
        element("td", {}, badge(clientStateOf(client))),
        ...[
          String(inFlight),
          String(usage.requests),
          String(usage.errors),
          String(usage.refused),
          bytes(usage.bytesIn + usage.bytesOut),
        ].map(number),
      );
    });
  const none = element("tr", {}, element("td", { colspan: "7" }, "Nobody has used it yet."));
  at("clients").replaceChildren(...(rows.length === 0 ? [none] : rows));
}

function showEvents() {
  const items = events.map(({ at: when, sentence, times }) => {
    const often = times === 1 ? [] : [element("span", { class: "often" }, ` (${times} times)`)];
    return element(
      "li",
      {},
      element("time", { datetime: when.toISOString() }, when.toLocaleTimeString()),
      element("span", {}, sentence, ...often),
    );
  });
  at("events").replaceChildren(
    ...(items.length === 0 ? [element("li", {}, "", element("span", {}, "Nothing yet."))] : items),
  );
}

function badge({ symbol, text, weight }) {
  return element(
    "span",
    { class: "state", "data-state": weight },
    element("span", { "aria-hidden": "true" }, `${symbol} `),
    text,
  );
}

function number(text) {
  return element("td", { class: "number" }, text);
}

/** Only what changed is said aloud by screen readers. */
function say(state, text) {
  const summary = at("summary");
  summary.dataset.state = state;
  if (summary.textContent !== text) summary.textContent = text;
  document.title = state === "good" || state === "unknown" ? "Fairlead" : `! ${text} – Fairlead`;
}

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
