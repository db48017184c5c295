// How views are written down.
import { z } from "zod";
import type { ViewConfig } from "../catalog/view.ts";
import { type FieldsOf, type ObjectSchema, text } from "./fields.ts";

const viewFields: FieldsOf<ViewConfig> = {
  include: z.array(text).optional().describe("Tools that it has, as globs of public names. Default: all"),
  exclude: z
    .array(text)
    .optional()
    .describe("Tools that it has not, as globs of public names; wins over include. Default: none"),
  rename: z
    .record(
      z.string(),
      z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "must be 1 to 64 characters of [A-Za-z0-9_-]"),
    )
    .optional()
    .describe("New names of tools, by their public names"),
  readOnly: z
    .boolean()
    .optional()
    .describe("Only tools that their servers annotate as read-only. Default: false"),
  pools: z
    .array(text)
    .optional()
    .describe("Pools that it is made of. Default: all; with include, those that have a tool in it"),
};

const viewSchema: ObjectSchema<ViewConfig> = z.strictObject(viewFields);

export const viewsSchema: z.ZodType<Record<string, ViewConfig>> = z.record(
  z.string().regex(/^[A-Za-z0-9_-]{1,32}$/, "a view's name must be 1 to 32 characters of [A-Za-z0-9_-]"),
  viewSchema,
);
