import { library } from "@fairlead/tsup-config";

export default library({
  entry: {
    index: "src/index.ts",
    "simulator/index": "src/simulator/index.ts",
    "simulator/main": "src/simulator/main.ts",
  },
});
