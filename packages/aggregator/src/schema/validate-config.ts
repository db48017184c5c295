// What a person should know about a configuration before it runs: errors that prevent it, warnings about what will hurt,
// recommendations for what would be better. Each has the path and the fix.
import type { MultiplexerConfig } from "../config.ts";
import { type ConfigFinding, contradictionsOf } from "../contradictions.ts";
import { withPoolDefaults } from "../pool-defaults.ts";
import { adviceOn } from "./advice.ts";
import { explainIssues, printPath } from "./explain-issues.ts";
import { multiplexerConfigSchema } from "./multiplexer-schema.ts";
import { otherName } from "./other-names.ts";

export interface ConfigValidation {
  /** Whether `createMultiplexer` takes it. */
  readonly isValid: boolean;
  readonly errors: readonly ConfigFinding[];
  readonly warnings: readonly ConfigFinding[];
  readonly recommendations: readonly ConfigFinding[];
}

/** Checks a configuration, or a preset with one in it. Connects to nothing and starts nothing. */
export function validateConfig(config: unknown): ConfigValidation {
  const preset = isPreset(config) ? config : undefined;
  const prefix = preset === undefined ? "" : "multiplexerConfig";
  const parsed = multiplexerConfigSchema.safeParse(preset?.multiplexerConfig ?? config);
  if (!parsed.success) {
    const errors = explainIssues(multiplexerConfigSchema, parsed.error.issues).map(
      ({ path, message, fix }): ConfigFinding => ({
        path: printPath(prefix === "" ? path : [prefix, ...path]),
        message,
        fix: otherName(path.at(-1)) ?? fix,
      }),
    );
    return { isValid: false, errors, warnings: [], recommendations: [] };
  }
  const complete = completed(parsed.data);
  const { warnings, recommendations } = adviceOn(complete, preset?.serverCount);
  const errors = contradictionsOf(complete);
  const placed = (findings: readonly ConfigFinding[]): ConfigFinding[] =>
    prefix === ""
      ? [...findings]
      : findings.map((finding) => ({ ...finding, path: `${prefix}.${finding.path}` }));
  return {
    isValid: errors.length === 0,
    errors: placed(errors),
    warnings: placed(warnings),
    recommendations: placed(recommendations),
  };
}

function completed(config: MultiplexerConfig): MultiplexerConfig {
  return { ...config, pools: config.pools.map((pool) => withPoolDefaults(pool, config.poolDefaults)) };
}

function isPreset(
  config: unknown,
): config is { readonly multiplexerConfig: unknown; readonly serverCount?: number } {
  return typeof config === "object" && config !== null && "multiplexerConfig" in config;
}
