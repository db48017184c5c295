// The kinds of values that options have, and the type that ties a schema to its interface.
import { z } from "zod";

/** One schema for each key of `T`: a key that is missing, or one too many, does not compile. */
export type FieldsOf<T> = { readonly [K in keyof T]-?: z.ZodType<T[K]> };

/** A schema for `T` that refuses unknown keys, and that other formats can extend. */
export type ObjectSchema<T> = z.ZodObject<FieldsOf<T>, z.core.$strict>;

/** Milliseconds from 0. */
export const milliseconds: z.ZodType<number> = z.number().int().min(0);

/** A whole number from 1. */
export const positive: z.ZodType<number> = z.number().int().min(1);

/** A string that says something. */
export const text: z.ZodType<string> = z.string().min(1);

export const textRecord: z.ZodType<Record<string, string>> = z.record(z.string(), z.string());
