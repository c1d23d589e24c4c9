// TCP and TLS sockets of the operating system.
//
// Guarantees: a socket failure ends in `onClose(error)`, never in an unhandled event. Above `connectionsMax` a new
// connection is closed at once, and `onDropped` called. Either side may end its sending half first (half-open).
// Keep-alive probes detect a dead peer within a minute, even on an idle connection. On Linux this also holds for an
// accepted connection with unacknowledged bytes; see lost-peers.ts.

import { createServer, connect as connectTcp, type Server, type Socket as NodeSocket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer, Server as TlsServer } from 'node:tls';
import { PulsesError } from '@pulses/shared-errors';
import type { Listener, Network, Socket, SocketHandlers, TlsServerOptions } from '@pulses/shared-ports';
import { LostPeers } from './lost-peers';

const TLS_VERSION_MIN = 'TLSv1.2';
/** An idle connection is probed after this time: ten times, once a second. */
const KEEP_ALIVE_MS = 30_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;

const lostPeers = new LostPeers();

export const nodeNetwork: Network = {
  listen: ({ host, port, tls, connectionsMax, onDropped }, onConnection) =>
    new Promise<Listener>((resolve, reject) => {
      const accept = (socket: NodeSocket) => {
        tune(socket);
        watchPeer(socket);
        onConnection(new OpenSocket(socket));
      };
      const server: Server = tls
        ? tlsServer(tls, accept)
        : createServer({ allowHalfOpen: true, pauseOnConnect: true }, accept);
      server.maxConnections = connectionsMax;
      server.on('drop', () => onDropped?.());
      // Stays registered: a failed accept is an error of the listener too.
      server.on('error', (error: NodeJS.ErrnoException) => {
        reject(listenError(error, host, port));
      });
      // A backlog for a reconnect storm; the system may set a lower limit.
      server.listen({ host, port, backlog: connectionsMax }, () => {
        const address = server.address();
        resolve({
          port: address !== null && typeof address === 'object' ? address.port : port,
          ...(server instanceof TlsServer
            ? {
                replaceCertificate: ({ certificatePem, privateKeyPem }) => {
                  server.setSecureContext({ cert: certificatePem, key: privateKeyPem, minVersion: TLS_VERSION_MIN });
                },
              }
            : {}),
          close: () =>
            new Promise((done) => {
              // Does not wait for open connections: their owner ends them.
              server.close();
              done();
            }),
        });
      });
    }),

  connect: ({ host, port, tls, timeoutMs }) =>
    new Promise<Socket>((resolve, reject) => {
      const halfOpen = { host, port, allowHalfOpen: true };
      const socket: NodeSocket = tls
        ? connectTls({
            ...halfOpen,
            minVersion: TLS_VERSION_MIN,
            ...(tls.caPem === undefined ? {} : { ca: tls.caPem }),
          })
        : connectTcp(halfOpen);
      const timer = setTimeout(() => {
        socket.destroy(new PulsesError('TIMED_OUT', `no answer from ${host}:${port} within ${timeoutMs} ms`));
      }, timeoutMs);
      const fail = (error: Error) => {
        clearTimeout(timer);
        reject(
          error instanceof PulsesError
            ? error
            : new PulsesError('CONNECTION_LOST', `cannot reach ${host}:${port}: ${describe(error)}`, { cause: error }),
        );
      };
      socket.once('error', fail);
      socket.once(tls ? 'secureConnect' : 'connect', () => {
        clearTimeout(timer);
        socket.off('error', fail);
        tune(socket);
        resolve(new OpenSocket(socket));
      });
    }),
};

function tune(socket: NodeSocket): void {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
}

function watchPeer(socket: NodeSocket): void {
  const { localPort, remoteAddress, remotePort } = socket;
  const connection = { localPort, remoteAddress, remotePort };
  lostPeers.watch(connection, () => {
    socket.destroy(new PulsesError('CONNECTION_LOST', 'the peer has stopped answering'));
  });
  socket.once('close', () => {
    lostPeers.forget(connection);
  });
}

function tlsServer({ certificatePem, privateKeyPem }: TlsServerOptions, accept: (socket: NodeSocket) => void): Server {
  try {
    // Node reads empty text as "no certificate" and would reject every client.
    if (certificatePem === '' || privateKeyPem === '') throw new Error('a file is empty');
    return createTlsServer(
      {
        cert: certificatePem,
        key: privateKeyPem,
        minVersion: TLS_VERSION_MIN,
        allowHalfOpen: true,
        handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      },
      accept,
    );
  } catch (error) {
    throw new PulsesError(
      'CONFIG_INVALID',
      `the TLS certificate and its private key are not usable: ${describe(error as Error)}`,
      {
        cause: error,
      },
    );
  }
}

function describe(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.message;
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): PulsesError {
  if (error.code === 'EADDRINUSE')
    return new PulsesError('ADDRESS_IN_USE', `${host}:${port} is in use by another process`, { cause: error });
  return new PulsesError('CONFIG_INVALID', `cannot listen on ${host}:${port}: ${describe(error)}`, { cause: error });
}

/** Handlers of a socket without an owner: before `handle` and after the close. */
const NOBODY: SocketHandlers = {
  onData: () => undefined,
  onDrain: () => undefined,
  onEnd: () => undefined,
  onClose: () => undefined,
};

class OpenSocket implements Socket {
  readonly peer: string;
  private handlers = NOBODY;
  private failure: Error | undefined;

  constructor(private readonly socket: NodeSocket) {
    this.peer = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? '?'}`;
    // Until the socket has an owner its data waits, and an error must not end the process.
    socket.pause();
    socket.on('error', (error) => {
      this.failure = error;
    });
  }

  get bufferedBytes(): number {
    return this.socket.writableLength;
  }

  handle(handlers: SocketHandlers): void {
    if (this.handlers !== NOBODY) throw new TypeError('the socket is handled already');
    this.handlers = handlers;
    const { socket } = this;
    if (socket.closed) {
      process.nextTick(() => {
        this.tellClosed();
      });
      return;
    }
    socket.on('data', (chunk: Buffer) => {
      this.handlers.onData(chunk);
    });
    socket.on('drain', () => {
      this.handlers.onDrain();
    });
    socket.on('end', () => {
      this.handlers.onEnd();
    });
    socket.once('close', () => {
      this.tellClosed();
    });
    socket.resume();
  }

  write(bytes: Uint8Array): boolean {
    return this.socket.writable && this.socket.write(bytes);
  }

  cork(): void {
    this.socket.cork();
  }

  uncork(): void {
    this.socket.uncork();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /**
   * Drops the reference to the owner. Node gives each stream a function that V8 allocates as old, which keeps a closed
   * socket and everything it refers to until a full collection.
   */
  private tellClosed(): void {
    const { handlers } = this;
    this.handlers = NOBODY;
    handlers.onClose(this.failure);
  }
}
