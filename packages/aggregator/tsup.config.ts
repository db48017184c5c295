import { library } from "@fairlead/tsup-config";

export default library({ entry: ["src/index.ts", "src/schema/index.ts"] });
