import { library } from "@fairlead/tsup-config";

export default library({ entry: ["src/index.ts", "src/conformance/index.ts", "src/simulation/index.ts"] });
