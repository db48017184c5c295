// The same contract on Postgres: PGlite always, and a real server where FAIRLEAD_TEST_POSTGRES names one.
import { afterAll, beforeAll } from "vitest";
import { openPostgresStore } from "../src/store/postgres/store.ts";
import { startPglite, type TestPostgres } from "./pglite.ts";
import { describeStoreContract } from "./store-contract.ts";

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPglite();
});
afterAll(() => postgres.close());

describeStoreContract("Postgres (PGlite through its socket server)", {
  async open() {
    await postgres.reset();
    return openPostgresStore(postgres);
  },
  reopen: () => openPostgresStore(postgres),
});
