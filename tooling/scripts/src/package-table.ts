// ARCHITECTURE §1 as data: what each package may import and drag in at run time. The import check and the
// check of the packed packages read the same table, so a new dependency is decided here and nowhere else.

export interface PackageRow {
  /** Folder below the repository root. */
  readonly folder: string;
  /** Name under which it is published. */
  readonly name: string;
  /** Workspace packages that it may import. */
  readonly workspace: readonly string[];
  /** npm packages that it may import and list in `dependencies`; Node's own modules are always fine. */
  readonly npm: readonly string[];
  /** Of the workspace packages, those that only these files (below the folder) may import. */
  readonly onlyFrom?: Readonly<Record<string, readonly string[]>>;
}

const libraries: readonly string[] = ["@fairlead/core", "@fairlead/balancer", "@fairlead/aggregator"];

export const packageTable: readonly PackageRow[] = [
  { folder: "packages/core", name: "@fairlead/core", workspace: [], npm: [] },
  { folder: "packages/balancer", name: "@fairlead/balancer", workspace: ["@fairlead/core"], npm: [] },
  {
    folder: "packages/aggregator",
    name: "@fairlead/aggregator",
    workspace: ["@fairlead/core", "@fairlead/balancer"],
    npm: ["undici", "zod", "ws"],
  },
  {
    folder: "packages/strategy-model-affinity",
    name: "@fairlead/strategy-model-affinity",
    workspace: ["@fairlead/balancer"],
    npm: [],
  },
  {
    folder: "packages/lmstudio",
    name: "@fairlead/lmstudio",
    workspace: ["@fairlead/core", "@fairlead/balancer", "@fairlead/strategy-model-affinity"],
    npm: ["@modelcontextprotocol/node", "@modelcontextprotocol/server", "jsonc-parser", "undici", "zod"],
  },
  {
    // The SDK serves MCP; parsers of formats and the drivers of the stores are loaded when they are needed.
    folder: "packages/rag",
    name: "@fairlead/rag",
    workspace: ["@fairlead/core", "@fairlead/aggregator", "@fairlead/lmstudio"],
    npm: [
      "@modelcontextprotocol/node",
      "@modelcontextprotocol/server",
      "mammoth",
      "pg",
      "sqlite-vec",
      "turndown",
      "unpdf",
      "zod",
    ],
  },
  {
    folder: "packages/cli",
    name: "fairlead",
    workspace: [...libraries, "@fairlead/gateway", "@fairlead/lmstudio", "@fairlead/rag"],
    npm: ["@clack/prompts", "commander", "@modelcontextprotocol/client", "yaml"],
    // Nothing imports an app, except the command line: to serve, and to read configurations and the token as the gateway does.
    onlyFrom: {
      "@fairlead/gateway": [
        "src/commands/serve.ts",
        "src/commands/config.ts",
        "src/commands/doctor.ts",
        "src/credentials.ts",
        "src/format/config-report.ts",
      ],
    },
  },
  {
    folder: "apps/gateway",
    name: "@fairlead/gateway",
    // The last two are started as processes, and never imported.
    workspace: [...libraries, "@fairlead/lmstudio", "@fairlead/rag"],
    // The SDK serves the admin tools, jose checks tokens, prom-client keeps histograms; none is on the way of a call.
    npm: ["@modelcontextprotocol/server", "jose", "pino", "prom-client", "ws", "yaml", "zod"],
  },
  {
    // Private: it runs the gateway as a process, and a proxy made of the SDK beside it.
    folder: "apps/benchmark",
    name: "@fairlead/benchmark",
    workspace: [...libraries, "@fairlead/gateway", "@fairlead/lmstudio", "@fairlead/testbed"],
    npm: [
      "@modelcontextprotocol/client",
      "@modelcontextprotocol/sdk",
      "@modelcontextprotocol/server",
      "undici",
    ],
  },
];
