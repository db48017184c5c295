// The names of the multiplexing document, for programs that were written after it: only their imports change.
import { MultiplexingPreset } from "@fairlead/aggregator";
import { createEnhancedMCPConfig, type RagProviderConfig } from "./provider/config.ts";
import { createRagProvider, type RagProvider } from "./provider/provider.ts";

export { MultiplexingPreset };

/** As the document calls what makes configurations. */
export const MultiplexingConfigFactory: {
  readonly createEnhancedMCPConfig: (config: RagProviderConfig) => RagProviderConfig;
} = { createEnhancedMCPConfig };

/** `new EnhancedMCPRAGProvider(config)` is {@link createRagProvider}. */
export const EnhancedMCPRAGProvider: new (config: RagProviderConfig) => RagProvider = class {
  constructor(config: RagProviderConfig) {
    // biome-ignore lint/correctness/noConstructorReturn: the document says `new`, the library makes objects with functions
    return createRagProvider(config);
  }
} as unknown as new (
  config: RagProviderConfig,
) => RagProvider;
