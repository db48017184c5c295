// What a request says about itself when it asks for an endpoint.

/** What a request asks for; everything is optional. */
export interface AcquireRequest {
  /** Affinity key for strategies that hash: a session, a prompt prefix. */
  readonly key?: string;
  /** Expected work relative to an average request. @defaultValue 1 */
  readonly cost?: number;
  /** Kind of work (a tool, a model) for strategies that learn per kind. */
  readonly taskClass?: string;
  /** Only endpoints with all of these capabilities. */
  readonly capabilities?: readonly string[];
  /** Capabilities that would help (a loaded model); strategies may weigh them, none is required. */
  readonly prefers?: readonly string[];
  /** Only endpoints with all of these tags. */
  readonly tags?: readonly string[];
  /** Order in the waiting queue; lower goes first. @defaultValue 0 */
  readonly priority?: number;
  /** Ids of endpoints already tried for the same call. */
  readonly exclude?: readonly string[];
}
