// Every word that a table or a chart uses, for a reader who knows none of them; and what each scenario asks, in one question.

export const WORDS: readonly (readonly [string, string])[] = [
  ["MCP", "the language in which programs with a language model ask other programs (tools) to do something"],
  ["call", "one question to a tool, and its answer"],
  ["gateway", "the program in the middle that is measured here: many tools behind one address"],
  ["server, upstream", "a program behind the gateway, which does the work"],
  ["replica", "one of several servers that do the same, so that one can stand in for another"],
  ["direct", "no program in the middle; the least that can be"],
  [
    "nginx",
    "a well-known web server that passes calls on unread: the least that a program in the middle can cost",
  ],
  ["SDK proxy", "the simplest program in the middle, put together from the official building blocks"],
  [
    "HTTP, stdio",
    "two ways to reach a server: over the network, or as a child process that is written to and read from",
  ],
  ["p50, p95, p99", "half, 95 in 100, or 99 in 100 calls were answered within this time"],
  ["B, KiB, MiB", "sizes: a byte is about a letter, KiB are thousands and MiB millions of them"],
  ["ms, µs", "a thousandth and a millionth of a second"],
  ["CPU µs per call", "how long a processor was busy for one call; less is better"],
  ["RSS", "memory that a program held"],
  ["×", "times as much as what it is compared with, measured in the same minutes"],
  ["refused, shed", "answered at once with “too busy, come back later”, instead of late or never"],
  ["repeatable call", "one that only asks; asking again does no harm"],
  ["hedge", "asking a second server when the first takes unusually long"],
  ["session", "a client's standing connection with what it remembers"],
  ["event stream", "an answer that is sent piece by piece over a connection that stays open"],
  ["2026-07-28", "the newest form of MCP; older ones begin with a session"],
  [
    "strategy",
    "the rule by which the gateway chooses a server for a call, such as each in turn (round-robin)",
  ],
  ["load 0.9", "as many calls as keep the servers busy nine tenths of the time"],
  ["token", "a piece of a word, as language models count them"],
];

export const QUESTIONS: Readonly<Record<string, string>> = {
  overhead: "How much does a call cost when it goes through a program in the middle?",
  loadbalancing: "How much more do several servers carry than one?",
  stress: "What happens when far more is asked than can be done?",
  failover: "What do callers notice when a server crashes, hangs or restarts?",
  kills: "How soon does the gateway recover when a server is killed?",
  frozen: "Does one server that hangs hold up the others?",
  sessions: "How much memory does a client that waits cost?",
  streams: "How much does an open stream cost, and does everybody hear of a change?",
  cycles: "Is anything left behind when clients come and go?",
  soak: "Does memory grow over a million calls?",
  lmstudio: "What does asking several language models at once bring?",
  reliability: "What do callers of a language model get when things go wrong?",
  core: "What does protection against failing servers cost for each call?",
  pick: "What does choosing a server cost?",
};
