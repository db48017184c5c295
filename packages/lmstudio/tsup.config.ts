import { library } from "@fairlead/tsup-config";

export default library({
  entry: {
    index: "src/index.ts",
    "hosts/index": "src/hosts/index.ts",
    "server/index": "src/server/index.ts",
    "server/main": "src/server/main.ts",
    "simulator/index": "src/simulator/index.ts",
    "simulator/main": "src/simulator/main.ts",
  },
});
