export {
  assertConformance,
  type CheckResult,
  ConformanceError,
  type ConformanceOptions,
  checkConformance,
} from "./conformance.ts";
