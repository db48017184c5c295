export { type ModelAffinityOptions, modelAffinity, modelAffinity as default } from "./model-affinity.ts";
