/** A message as the simulated log stores it. */
export interface LoggedMessage {
  readonly offset: number;
  readonly timestampMs: number;
  readonly bytes: Uint8Array;
}
