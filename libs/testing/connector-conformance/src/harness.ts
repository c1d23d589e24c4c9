// What the connector suite needs of a system under test, beside its Connector.

import type { Connector } from '@pulses/connector-api';

/** Which output stream to look into. */
export type OutputStream =
  { readonly kind: 'grouped' | 'aggregated'; readonly tenant: string } | { readonly kind: 'deadLetters' };

export interface ConnectorHarness {
  /** A connector of its own connections, as another process would have it. The harness closes it at the end. */
  createConnector(): Connector;
  /** Stores messages (each without a line feed) on the source topic, in order; resolves when they are stored. */
  publish(sourceTopic: string, messages: readonly Uint8Array[]): Promise<void>;
  /** Everything stored so far on an output of the source topic, as lines without their line feeds. */
  output(sourceTopic: string, stream: OutputStream): Promise<string[]>;
  /** Deletes the source topic. */
  deleteSource(sourceTopic: string): Promise<void>;
  /** Ends the system under test and every connector. */
  close(): Promise<void>;
}
