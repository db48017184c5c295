import { library } from "@fairlead/tsup-config";

// All at one level: `src/store/sqlite/threads.ts` finds the worker beside itself, whatever file it was bundled into.
export default library({
  entry: {
    index: "src/index.ts",
    cli: "src/cli.ts",
    main: "src/main.ts",
    "sqlite-worker": "src/store/sqlite/worker.ts",
  },
});
