// Loaded into a process under measurement that has `--expose-gc`: collects garbage when it is told to, so that memory in
// use can be told from memory not collected yet.
process.on("SIGUSR2", () => {
  globalThis.gc?.();
});
