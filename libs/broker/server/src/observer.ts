// What the server tells the metrics: a call for each connection or incident, none for each request. What is stored
// is counted by the log.

export type ConnectionKind = 'binary' | 'sink' | 'source';

/** Why a connection was refused or closed. */
export type RefusalReason = 'opening' | 'unauthenticated' | 'malformed' | 'overloaded';

export interface ServerObserver {
  connectionOpened(kind: ConnectionKind): void;
  connectionClosed(kind: ConnectionKind): void;
  connectionRefused(reason: RefusalReason): void;
  /** A line above the limit ended its line-protocol connection. */
  lineRefused(): void;
  /** A reader has taken nothing for `slowReaderMs`. */
  slowReader(): void;
}

export const SILENT_OBSERVER: ServerObserver = {
  connectionOpened: () => undefined,
  connectionClosed: () => undefined,
  connectionRefused: () => undefined,
  lineRefused: () => undefined,
  slowReader: () => undefined,
};
