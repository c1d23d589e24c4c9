// One accepted connection: from its first bytes, which choose the protocol, to its end.
//
// Guarantees: a client that chooses no protocol in time is dropped. A rejected client gets the reason and time to read
// it. An error of one connection never reaches another.

import { createOpeningReader } from '@pulses/broker-wire';
import { isPulsesError, type ErrorCode } from '@pulses/shared-errors';
import type { Socket } from '@pulses/shared-ports';
import { createBinaryProtocol } from '../protocols/binary-protocol';
import type { ServerContext } from '../context';
import { createDeadline } from '../limits/deadline';
import type { Opening } from '../limits/opening-queue';
import type { ConnectionKind } from '../observer';
import type { Connection, ProtocolHandler } from './protocol-handler';
import { createSendBuffer } from './send-buffer';
import { createLineProducer } from '../protocols/line-producer';
import { createLineConsumer } from '../protocols/line-consumer';

export interface ServedConnection {
  /** The server stops: finish, then close. */
  close(): void;
  destroy(): void;
}

/** @param onGone called once the socket is closed */
export function serveConnection(
  context: ServerContext,
  socket: Socket,
  opening: Opening,
  onGone: () => void,
): ServedConnection {
  const { clock, limits, logger, observer, refusals } = context;
  const { peer } = socket;
  let kind: ConnectionKind | undefined;
  let isFinishing = false;
  let peerHasEnded = false;
  let isServerClosing = false;

  const sendBuffer = createSendBuffer(socket, clock, limits.slowReaderMs, () => {
    observer.slowReader();
    logger.info({ peer, bufferedBytes: socket.bufferedBytes }, 'slow consumer');
  });
  const openingDeadline = createDeadline(clock, limits.openingMs, () => {
    refusals.report('opening', { peer }, 'connection closed: no protocol chosen in time');
    socket.destroy();
  });
  const lingerDeadline = createDeadline(clock, limits.lingerMs, () => {
    socket.destroy();
  });
  const quietDeadline = createDeadline(clock, limits.sinkQuietMs, () => {
    connection.finish();
  });

  const connection: Connection = {
    peer,
    sendBuffer,
    opening,
    pause: () => {
      socket.pause();
    },
    resume: () => {
      socket.resume();
    },
    opened: () => {
      openingDeadline.dispose();
      opening.end();
    },
    finish: () => {
      if (isFinishing) return;
      isFinishing = true;
      openingDeadline.dispose();
      opening.end();
      quietDeadline.dispose();
      sendBuffer.flush();
      sendBuffer.close();
      socket.end();
      // Reading on keeps the system from resetting the connection before the client has read the last bytes.
      socket.resume();
      lingerDeadline.start();
    },
    destroy: () => {
      socket.destroy();
    },
    refused: (reason, error) => {
      const code = isPulsesError(error) ? error.code : undefined;
      refusals.report(reason, { peer, code, detail: error.message }, `connection rejected: ${reason}`);
    },
    crashed: (error) => {
      logger.error({ peer, err: error }, 'unexpected connection error');
      socket.destroy();
    },
  };

  const handOver = (chosen: ConnectionKind, handler: ProtocolHandler, rest: Uint8Array): void => {
    kind = chosen;
    current = handler;
    observer.connectionOpened(chosen);
    quietDeadline.dispose();
    if (rest.length > 0) handler.onData(rest);
    if (isServerClosing) handler.onServerClosing();
  };

  const refuseWithLine = (code: ErrorCode, detail: string): void => {
    sendBuffer.send([Buffer.from(`${code}: ${detail}\n`)]);
    connection.finish();
  };

  const openingReader = createOpeningReader();
  const openingHandler: ProtocolHandler = {
    onData: (bytes) => {
      const result = openingReader.push(bytes);
      switch (result.kind) {
        case 'incomplete':
          if (isServerClosing) quietDeadline.start();
          return;
        case 'invalid':
          refusals.report('opening', { peer, detail: result.reason }, 'connection rejected: unknown protocol');
          refuseWithLine('PROTOCOL_VIOLATION', result.reason);
          return;
        case 'binary':
          handOver('binary', createBinaryProtocol(context, connection), result.rest);
          return;
        case 'sink':
        case 'source': {
          if (context.asksForToken) {
            const { topic } = result;
            refusals.report(
              'unauthenticated',
              { peer, topic },
              'connection rejected: the line protocol carries no token',
            );
            refuseWithLine('UNAUTHENTICATED', 'this broker asks for a token, which the line protocol cannot carry');
            return;
          }
          connection.opened();
          const create = result.kind === 'sink' ? createLineProducer : createLineConsumer;
          handOver(result.kind, create(context, connection, result.topic), result.rest);
          return;
        }
      }
    },
    onDrain: () => undefined,
    onEnd: () => {
      connection.finish();
    },
    onClose: () => undefined,
    // Bytes that have arrived may still be in the system's buffers: a client that chose its protocol by then is served.
    onServerClosing: () => {
      quietDeadline.start();
    },
  };
  let current: ProtocolHandler = openingHandler;

  /** A failure of one connection must not end the process. */
  const guarded = (action: () => void): void => {
    try {
      action();
    } catch (error) {
      connection.crashed(error);
    }
  };

  socket.handle({
    onData: (bytes) => {
      if (isFinishing) return;
      guarded(() => {
        current.onData(bytes);
      });
    },
    onDrain: () => {
      sendBuffer.onDrain();
      guarded(() => {
        current.onDrain();
      });
    },
    onEnd: () => {
      if (peerHasEnded || isFinishing) return;
      peerHasEnded = true;
      guarded(() => {
        current.onEnd();
      });
    },
    onClose: () => {
      isFinishing = true;
      openingDeadline.dispose();
      opening.end();
      quietDeadline.dispose();
      lingerDeadline.dispose();
      sendBuffer.close();
      guarded(() => {
        current.onClose();
      });
      if (kind !== undefined) observer.connectionClosed(kind);
      onGone();
    },
  });
  openingDeadline.start();

  return {
    close: () => {
      isServerClosing = true;
      guarded(() => {
        if (!isFinishing) current.onServerClosing();
      });
    },
    destroy: () => {
      socket.destroy();
    },
  };
}
