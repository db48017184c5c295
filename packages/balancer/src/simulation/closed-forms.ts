// Queueing theory's exact answers, to check the simulator against. Mean response times (waiting plus service) for
// Poisson arrivals, in units of the mean service time.

/** M/M/1 at load `rho`. */
export function mm1ResponseTime(rho: number): number {
  return 1 / (1 - rho);
}

/** M/D/1 at load `rho`: Pollaczek and Khinchine's formula without variance. */
export function md1ResponseTime(rho: number): number {
  return 1 + rho / (2 * (1 - rho));
}

/** M/G/1 at load `rho` with squared coefficient of variation `cv2`, by Pollaczek and Khinchine. */
export function mg1ResponseTime(rho: number, cv2: number): number {
  return 1 + (rho * (1 + cv2)) / (2 * (1 - rho));
}

/** M/M/k at load `rho` per server, by Erlang's C formula. */
export function mmkResponseTime(rho: number, servers: number): number {
  return 1 + erlangC(rho, servers) / (servers * (1 - rho));
}

/** Probability that a request has to wait in M/M/k. */
export function erlangC(rho: number, servers: number): number {
  // Erlang's B by its recursion, which does not overflow, then B to C.
  let blocking = 1;
  const offered = rho * servers;
  for (let count = 1; count <= servers; count++)
    blocking = (offered * blocking) / (count + offered * blocking);
  return blocking / (1 - rho * (1 - blocking));
}
