export type { Fault, FaultKind } from "./faults.ts";
export type { OverflowBehaviour, SimulatedAnswer, SimulatorModel, SimulatorOptions } from "./options.ts";
export {
  createLmStudioSimulator,
  type InstanceState,
  type LmStudioSimulator,
  type RecordedRequest,
} from "./simulator.ts";
