import { type TempDir, tempDir } from "@fairlead/testbed";
import { afterAll, beforeAll } from "vitest";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { describeStoreContract } from "./store-contract.ts";

let dir: TempDir;
let count = 0;
beforeAll(async () => {
  dir = await tempDir();
});
afterAll(() => dir[Symbol.asyncDispose]());

const path = (): string => dir.file(`${count}.sqlite`);
describeStoreContract("SQLite", {
  open: () => {
    count++;
    return openSqliteStore({ path: path() });
  },
  reopen: () => openSqliteStore({ path: path() }),
});

describeStoreContract("SQLite, signs first and without sqlite-vec", {
  open: () => {
    count++;
    return openSqliteStore({ path: path(), exactBelow: 0, nativeVectors: false });
  },
  reopen: () => openSqliteStore({ path: path(), exactBelow: 0, nativeVectors: false }),
});
