// What a person should know about a configuration file before it runs: errors that prevent it, warnings about what will
// hurt, recommendations for what would be better. Connects to nothing and starts nothing.
import { resolve } from "node:path";
import { type ConfigPath, printPath, validateConfig } from "@fairlead/aggregator/schema";
import { refuseCommand, unpinnedPackage } from "../protect/command-policy.ts";
import { ConfigError, type ConfigProblem } from "./error.ts";
import { type LoadedConfig, loadConfig, pathInFile } from "./load.ts";
import { isReference, isSecretField } from "./references.ts";

export interface ConfigReport {
  readonly file: string;
  readonly errors: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
  readonly recommendations: readonly ConfigProblem[];
}

/** Checks `file`; a file that cannot be used is a report with errors. */
export async function checkConfig(
  file: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<ConfigReport> {
  let loaded: LoadedConfig;
  try {
    loaded = await loadConfig(file, environment);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { file: resolve(file), errors: error.problems, warnings: [], recommendations: [] };
  }
  const { multiplexer, gateway, source } = loaded;
  const { warnings, recommendations } = validateConfig(multiplexer);
  const place = (path: ConfigPath, message: string): ConfigProblem => ({
    path: printPath(path),
    message,
    ...source.placeOf(path),
  });
  const placed = (findings: typeof warnings): ConfigProblem[] =>
    findings.flatMap(({ path, message, fix }) => {
      const at = pathInFile(path, multiplexer.pools, gateway);
      // Upstreams of our own servers are none of the file's business.
      return at[0] !== "pools" && path.includes(".upstreams") ? [] : [place(at, `${message}; ${fix}`)];
    });
  return {
    file: loaded.file,
    errors: [],
    warnings: [...placed(warnings), ...literalSecrets(loaded, place), ...commands(loaded, place)],
    recommendations: [...placed(recommendations), ...advice(loaded, place)],
  };
}

type Place = (path: ConfigPath, message: string) => ConfigProblem;

/** Headers and variables that hold secrets, written into the file. */
function literalSecrets({ source }: LoadedConfig, place: Place): ConfigProblem[] {
  const found: ConfigProblem[] = [];
  look(source.value, []);
  return found;

  function look(value: unknown, path: ConfigPath): void {
    if (typeof value === "string") {
      const group = path.at(-2);
      const isSecret = (group === "headers" || group === "env") && isSecretField(path.at(-1));
      if (isSecret && !isReference(value) && value.length > 0)
        found.push(place(path, `a secret stands in the file; write \${NAME} or \${file:path} instead`));
    } else if (typeof value === "object" && value !== null) {
      for (const [key, field] of Object.entries(value))
        look(field, [...path, Array.isArray(value) ? Number(key) : key]);
    }
  }
}

function commands({ gateway }: LoadedConfig, place: Place): ConfigProblem[] {
  return Object.entries(gateway.pools).flatMap(([namespace, { upstreams }]) =>
    upstreams.flatMap((upstream, at): ConfigProblem[] => {
      if (!("command" in upstream) || upstream.command === undefined) return [];
      const path = ["pools", namespace, "upstreams", at, "command"];
      const spec = { ...upstream, command: upstream.command };
      const refusal = refuseCommand(spec, { allowed: gateway.protection.commands });
      const unpinned = unpinnedPackage(spec);
      return [
        ...(refusal === undefined ? [] : [place(path, `${refusal}; start the server's own program instead`)]),
        ...(unpinned === undefined
          ? []
          : [
              place(
                path,
                `${unpinned} is run in whatever version is published next; write ${unpinned.replace(/@latest$/, "")}@1.2.3 with the version that you looked at`,
              ),
            ]),
      ];
    }),
  );
}

function advice({ gateway }: LoadedConfig, place: Place): ConfigProblem[] {
  const { admin, clients, server, protection } = gateway;
  const found: ConfigProblem[] = [];
  const isShared = Object.keys(clients.known).length > 0;
  if (isShared && clients.anonymous === "loopback")
    found.push(
      place(
        ["clients", "anonymous"],
        "whoever is on this machine needs no key; set it to never where people share it",
      ),
    );
  if (isShared && admin.listen === undefined && server.host !== "127.0.0.1")
    found.push(
      place(
        ["admin"],
        "clients can reach the admin API's address; give it a listener of its own: admin.listen",
      ),
    );
  if (protection.toolDefinitions === "off")
    found.push(
      place(
        ["protection", "toolDefinitions"],
        "nobody notices when a server changes what its tools say; set it to warn",
      ),
    );
  return found;
}
