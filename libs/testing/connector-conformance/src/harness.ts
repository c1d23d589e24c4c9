// What the connector suite needs of a system under test, beside its Connector.

import type { Connector } from '@pulses/connector-api';

/** Which output stream to look into. */
export type OutputStream =
  { readonly kind: 'grouped' | 'aggregated'; readonly tenant: string } | { readonly kind: 'deadLetters' };

export interface ConnectorHarness {
  /** A connector with connections of its own, as another process would have it. The suite closes it. */
  createConnector(): Connector;
  /**
   * The same, as a process that is paused once its session is open. It sends no sign of life, so its lease runs out
   * within a second, but its session still takes calls. Called only when `supports.standby` is declared. The suite
   * closes it.
   */
  createPausedConnector(): Connector;
  /** Stores messages (each without a line feed) on the source topic, in order; resolves when they are stored. */
  publish(sourceTopic: string, messages: readonly Uint8Array[]): Promise<void>;
  /** Everything stored so far on an output of the source topic, as lines without their line feeds. */
  output(sourceTopic: string, stream: OutputStream): Promise<string[]>;
  /** Deletes the source topic. */
  deleteSource(sourceTopic: string): Promise<void>;
  /** Stops the system under test. The suite has closed every connector by then. */
  close(): Promise<void>;
}
