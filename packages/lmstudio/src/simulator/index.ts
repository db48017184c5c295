export type { Fault, FaultKind, FaultTarget } from "./faults.ts";
export type {
  OverflowBehaviour,
  SimulatedAnswer,
  SimulatedRequest,
  SimulatorModel,
  SimulatorOptions,
} from "./options.ts";
export {
  createLmStudioSimulator,
  type InstanceState,
  type LmStudioSimulator,
  type RecordedRequest,
} from "./simulator.ts";
