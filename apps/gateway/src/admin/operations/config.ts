// Operations on the configuration.
import { z } from "zod";
import { showConfig } from "../../config/show.ts";
import type { ConfigStore } from "../../config/store.ts";
import { type Operation, operation } from "../operation.ts";
import { reloadReport } from "./schemas.ts";

export function configOperations(store: ConfigStore): Operation[] {
  return [
    operation({
      id: "getConfig",
      method: "GET",
      path: "/api/config",
      summary: "The configuration in force, with references instead of secrets.",
      input: z.strictObject({}),
      output: z.object({ file: z.string(), lastReload: reloadReport, config: z.looseObject({}) }),
      run: () => ({
        file: store.current.file,
        lastReload: store.lastReload,
        config: showConfig(store.current),
      }),
    }),
    operation({
      id: "reloadConfig",
      method: "POST",
      path: "/api/config/reload",
      summary: "Reads the configuration again and applies what is different; a bad file changes nothing.",
      idempotent: true,
      input: z.strictObject({}),
      output: reloadReport,
      run: () => store.reload(),
    }),
  ];
}
