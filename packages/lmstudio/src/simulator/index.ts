export type { Fault, FaultKind, FaultTarget } from "./faults.ts";
export type {
  OverflowBehaviour,
  SimulatedAnswer,
  SimulatedRequest,
  SimulatorModel,
  SimulatorOptions,
  SimulatorPatch,
} from "./options.ts";
export type { RecordedRequest } from "./recorded.ts";
export {
  createLmStudioSimulator,
  type InstanceState,
  type LmStudioSimulator,
} from "./simulator.ts";
