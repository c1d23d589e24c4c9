// Stream sockets, injected: TCP and TLS in production, a scripted one in tests.

/** Callbacks of a socket's owner. Calls never overlap. */
export interface SocketHandlers {
  /** `bytes` belong to the callee from now on. Not called while paused. */
  onData(bytes: Uint8Array): void;
  /** `bufferedBytes` has fallen to zero after `write` returned false. */
  onDrain(): void;
  /** The peer has ended its side; ours is still open. */
  onEnd(): void;
  /** The last call, once; `error` when the connection broke. */
  onClose(error?: Error): void;
}

export interface Socket {
  /** For logs: the peer's address and port. */
  readonly peer: string;
  /** Bytes given to `write` that the system has not taken yet. */
  readonly bufferedBytes: number;
  /** Sets the handlers, once; data waits until then. */
  handle(handlers: SocketHandlers): void;
  /** Queues bytes, which must not change afterwards; false asks the caller to wait for `onDrain`. */
  write(bytes: Uint8Array): boolean;
  /** Gathers the writes until `uncork` into as few system calls as possible. */
  cork(): void;
  uncork(): void;
  pause(): void;
  resume(): void;
  /** Sends what is queued, then ends our side. */
  end(): void;
  /** Drops the connection and what is queued. */
  destroy(): void;
}

export interface TlsServerOptions {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export interface TlsClientOptions {
  /** Certificates to trust instead of the system's. */
  readonly caPem?: string;
}

export interface Listener {
  /** The bound port (useful after listening on port 0). */
  readonly port: number;
  /** Of TLS: shows another certificate to the connections from now on. @throws PulsesError CONFIG_INVALID */
  replaceCertificate?(tls: TlsServerOptions): void;
  /** Stops accepting; open connections live on. */
  close(): Promise<void>;
}

export interface Network {
  /**
   * Closes connections above `connectionsMax` at once, and then calls `onDropped`.
   * @throws PulsesError ADDRESS_IN_USE
   */
  listen(
    options: { host: string; port: number; tls?: TlsServerOptions; connectionsMax: number; onDropped?: () => void },
    onConnection: (socket: Socket) => void,
  ): Promise<Listener>;
  /** @throws PulsesError CONNECTION_LOST when no peer answers, TIMED_OUT after `timeoutMs` */
  connect(options: { host: string; port: number; tls?: TlsClientOptions; timeoutMs: number }): Promise<Socket>;
}
