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
  /** Makes a source of several partitions. Called only when `supports.partitions` is declared. */
  createPartitions?(sourceTopic: string, count: number): Promise<void>;
  /**
   * Stores messages (each without a line feed) on the source topic, in order; resolves when they are stored. Makes a source
   * of one partition when there is none.
   *
   * @param partition only of a source that `createPartitions` has made; 0 when absent
   */
  publish(sourceTopic: string, messages: readonly Uint8Array[], partition?: number): Promise<void>;
  /**
   * Uses up offsets that no reader gets a message for, in the partition 0, as a marker or an aborted transaction does.
   * Resolves to false, and does nothing, in a system that numbers messages alone.
   */
  skipOffsets(sourceTopic: string): Promise<boolean>;
  /**
   * Everything stored so far on an output of the source topic, as lines without their line feeds. What one session has
   * stored stands in its order.
   */
  output(sourceTopic: string, stream: OutputStream): Promise<string[]>;
  /** Deletes the source topic. */
  deleteSource(sourceTopic: string): Promise<void>;
  /** Cuts every connection that connectors of this harness have open; the system lives on. */
  cutConnections(): Promise<void>;
  /** Ends the system as a crash would, and starts it again at the same place with what it has stored. */
  restart(): Promise<void>;
  /** Stops the system under test. The suite has closed every connector by then. */
  close(): Promise<void>;
}
