// Names the network's own reason, which fetch hides two causes deep.
import { CliError } from "./errors.ts";

/** The error for a gateway that did not answer. */
export function unreachable(target: URL, cause: unknown): CliError {
  return new CliError("GATEWAY_UNREACHABLE", `no gateway answers at ${target.origin} (${reasonOf(cause)})`, {
    cause,
    fix: 'start one with "fairlead serve", or pass its address with --url or FAIRLEAD_URL',
  });
}

/** The error for a connection that broke while a call was under way. */
export function lostDuringCall(target: URL, cause: unknown): CliError {
  return new CliError(
    "GATEWAY_UNREACHABLE",
    `the connection to ${target.origin} broke during the call (${reasonOf(cause)}); it may have been executed`,
    { cause, fix: 'check before you repeat it; "fairlead status" shows whether the gateway is back' },
  );
}

/** Whether the failure lies in the network: nothing listens, no such host, no answer in time, connection cut. */
export function isNetworkFailure(error: unknown): boolean {
  return chain(error).some(
    (one) =>
      one.name === "TimeoutError" ||
      (one instanceof TypeError && one.message === "fetch failed") ||
      ("code" in one && /^(E[A-Z]+|UND_ERR_[A-Z_]+)$/.test(String(one.code)) && "syscall" in one),
  );
}

function reasonOf(error: unknown): string {
  const errors = chain(error);
  const deepest = errors.at(-1);
  if (errors.some((one) => one.name === "TimeoutError" || ("code" in one && one.code === "REQUEST_TIMEOUT")))
    return "no answer in time";
  if (deepest === undefined) return String(error);
  return "code" in deepest ? String(deepest.code) : deepest.message;
}

function chain(error: unknown): readonly Error[] {
  const errors: Error[] = [];
  for (let one = error; one instanceof Error && errors.length < 10; one = one.cause) errors.push(one);
  return errors;
}
