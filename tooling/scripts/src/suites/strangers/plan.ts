// What is tried on each pair of a client and a server, and what the answer must contain.

export type Feature = "list" | "call" | "error" | "progress" | "ask" | "read" | "prompt";

export type Step = { readonly feature: Feature; readonly expect: readonly string[] } & (
  | { readonly do: "list" }
  | {
      readonly do: "call";
      readonly name: string;
      readonly arguments: Readonly<Record<string, unknown>>;
      readonly progress?: true;
    }
  | { readonly do: "read"; readonly uri: string }
  | { readonly do: "prompt"; readonly name: string; readonly arguments: Readonly<Record<string, string>> }
);

export type Plan = readonly Step[];

/** Of the servers in `servers/`, which all offer the same. */
export const ownPlan: Plan = [
  { feature: "list", do: "list", expect: ['"add"'] },
  { feature: "call", do: "call", name: "add", arguments: { a: 2, b: 3 }, expect: ['"5"'] },
  { feature: "error", do: "call", name: "fail", arguments: {}, expect: ["isError"] },
  {
    feature: "progress",
    do: "call",
    name: "count",
    arguments: { steps: 3 },
    progress: true,
    expect: ["counted to 3", "progress 3"],
  },
  { feature: "ask", do: "call", name: "ask", arguments: {}, expect: ["hello Ada"] },
  { feature: "read", do: "read", uri: "stranger://greeting", expect: ["hello"] },
  { feature: "prompt", do: "prompt", name: "greet", arguments: { name: "Ada" }, expect: ["hello to Ada"] },
];

/** Of the reference servers from npm. */
export const referencePlans: Readonly<Record<"everything" | "filesystem" | "memory" | "thinking", Plan>> = {
  everything: [
    { feature: "list", do: "list", expect: ['"echo"'] },
    { feature: "call", do: "call", name: "echo", arguments: { message: "hi" }, expect: ["Echo: hi"] },
    {
      feature: "progress",
      do: "call",
      name: "trigger-long-running-operation",
      arguments: { duration: 0.2, steps: 2 },
      progress: true,
      expect: ["completed", "progress 2"],
    },
    {
      feature: "read",
      do: "read",
      uri: "demo://resource/static/document/features.md",
      expect: ["demo://resource/static/document/features.md", "Features"],
    },
    { feature: "prompt", do: "prompt", name: "simple-prompt", arguments: {}, expect: ["messages"] },
  ],
  filesystem: [
    { feature: "list", do: "list", expect: ['"read_text_file"'] },
    { feature: "call", do: "call", name: "list_allowed_directories", arguments: {}, expect: ["Allowed"] },
    {
      feature: "error",
      do: "call",
      name: "read_text_file",
      arguments: { path: "/nowhere" },
      expect: ["isError", "denied"],
    },
  ],
  memory: [
    { feature: "list", do: "list", expect: ['"read_graph"'] },
    { feature: "call", do: "call", name: "read_graph", arguments: {}, expect: ["entities"] },
    { feature: "read", do: "read", uri: "memory://knowledge-graph", expect: ["entities"] },
  ],
  thinking: [
    { feature: "list", do: "list", expect: ['"sequentialthinking"'] },
    {
      feature: "call",
      do: "call",
      name: "sequentialthinking",
      arguments: { thought: "one", thoughtNumber: 1, totalThoughts: 1, nextThoughtNeeded: false },
      expect: ["thoughtHistoryLength"],
    },
  ],
};
