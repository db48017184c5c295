/** Chosen anew for every run and part of the suite's name; `FAIRLEAD_SEED` repeats a run. */
export const seed: number = Number(process.env["FAIRLEAD_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
