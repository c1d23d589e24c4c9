// What the server reports to the metrics: a call for each connection or incident, none for each request. The log
// counts what is stored.

export type ConnectionKind = 'binary' | 'sink' | 'source';

/** Why a connection was rejected or ended. */
export type RefusalReason = 'opening' | 'unauthenticated' | 'malformed' | 'overloaded';

export interface ServerObserver {
  connectionOpened(kind: ConnectionKind): void;
  connectionClosed(kind: ConnectionKind): void;
  connectionRefused(reason: RefusalReason): void;
  /** A line above the limit ended its line-protocol connection. */
  lineRefused(): void;
  /** An idle consumer group was removed. */
  groupExpired(): void;
  /** A reader has taken nothing for `slowReaderMs`. */
  slowReader(): void;
}

export const SILENT_OBSERVER: ServerObserver = {
  connectionOpened: () => undefined,
  connectionClosed: () => undefined,
  connectionRefused: () => undefined,
  lineRefused: () => undefined,
  groupExpired: () => undefined,
  slowReader: () => undefined,
};
