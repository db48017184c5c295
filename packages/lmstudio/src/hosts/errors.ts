/** `CONFIG_UNREADABLE`: not JSON, or of another shape. `CONFIG_CHANGED`: somebody else has written it since. `ENTRY_NOT_SUPPORTED`: the host has no such entries. */
export type HostConfigErrorCode = "CONFIG_UNREADABLE" | "CONFIG_CHANGED" | "ENTRY_NOT_SUPPORTED";

/** A configuration file that was left as it is. */
export class HostConfigError extends Error {
  override readonly name = "HostConfigError";
  readonly code: HostConfigErrorCode;
  /** The file. */
  readonly path: string;

  constructor(code: HostConfigErrorCode, path: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.path = path;
  }
}
