import { library } from "@fairlead/tsup-config";

// All at one level: `src/threads/thread.ts` finds workers beside itself, whatever file it was bundled into.
export default library({
  // `node:sqlite` has no name without the prefix.
  removeNodeProtocol: false,
  entry: {
    index: "src/index.ts",
    cli: "src/cli.ts",
    main: "src/main.ts",
    "sqlite-worker": "src/store/sqlite/worker.ts",
    "request-worker": "src/server/request-worker.ts",
    "text-worker": "src/parse/text-worker.ts",
  },
});
