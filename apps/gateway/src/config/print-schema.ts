// Writes fairlead.config.schema.json, which is published with the package; a test compares it with the schema in force.
import { writeFileSync } from "node:fs";
import { configJsonSchema } from "./json-schema.ts";

writeFileSync(
  new URL("../../fairlead.config.schema.json", import.meta.url),
  `${JSON.stringify(configJsonSchema(), null, 2)}\n`,
);
