// How much a client may send at once.

export const MAX_BODY_BYTES: number = 16 * 1024 * 1024;
/** Above this, reading a message takes longer than the event loop of the first thread should stand still. */
export const LARGE_BYTES: number = 64 * 1024;
