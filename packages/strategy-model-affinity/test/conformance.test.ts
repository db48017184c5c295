import { checkConformance } from "@fairlead/balancer/conformance";
import { expect, it } from "vitest";
import { modelAffinity } from "../src/index.ts";

// The budget is left out: it depends on the machine.
it.each(checkConformance(modelAffinity, { budgetNs: Number.POSITIVE_INFINITY }))(
  "a strategy $name",
  (result) => {
    expect(result.detail).toBeUndefined();
  },
);
