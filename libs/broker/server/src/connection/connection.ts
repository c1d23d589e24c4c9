// One accepted connection: from its first bytes, which tell what it speaks, to its end.
//
// Guarantees: a client that does not say what it speaks in time is dropped; one that is refused gets the reason and
// a moment to read it. Nothing that one connection does or fails at reaches another.

import { createOpeningReader } from '@pulses/broker-wire';
import { isPulsesError, type ErrorCode } from '@pulses/shared-errors';
import type { Socket } from '@pulses/shared-ports';
import { createBinarySpeaker } from '../protocols/binary-protocol';
import type { ServerContext } from '../context';
import { createDeadline } from '../limits/deadline';
import type { ConnectionKind, RefusalReason } from '../observer';
import { createOutbox, type Outbox } from './send-buffer';
import { createSinkSpeaker } from '../protocols/line-producer';
import { createSourceSpeaker } from '../protocols/line-consumer';

/** What a connection does once it is known what it speaks. Calls never overlap. */
export interface Speaker {
  onData(bytes: Uint8Array): void;
  onDrain(): void;
  /** The client has ended its side. */
  onEnd(): void;
  /** The socket is gone; the last call. */
  onClose(): void;
  /** The server stops: finish what was taken on, then call `finish`. */
  onServerClosing(): void;
}

/** What a speaker may do with its connection. */
export interface Connection {
  readonly peer: string;
  readonly outbox: Outbox;
  readonly pause: () => void;
  readonly resume: () => void;
  /** The opening is over; its time limit no longer counts. */
  readonly opened: () => void;
  /** Sends what is queued and ends; whatever the client still sends is thrown away. */
  readonly finish: () => void;
  /** Drops the connection with what is queued. */
  readonly destroy: () => void;
  /** Counts and logs why the client is turned away; does not close. */
  readonly refused: (reason: RefusalReason, error: Error) => void;
  /** Ends the connection after a failure that nobody foresaw. */
  readonly crashed: (error: unknown) => void;
}

export interface ServedConnection {
  /** The server stops: finish, then close. */
  close(): void;
  destroy(): void;
}

/** @param onGone called once the socket is closed */
export function serveConnection(context: ServerContext, socket: Socket, onGone: () => void): ServedConnection {
  const { clock, limits, logger, observer } = context;
  const { peer } = socket;
  let kind: ConnectionKind | undefined;
  let isFinishing = false;
  let peerHasEnded = false;
  let isServerClosing = false;

  const outbox = createOutbox(socket, clock, limits.slowReaderMs, () => {
    observer.slowReader();
    logger.info({ peer, bufferedBytes: socket.bufferedBytes }, 'a reader does not take what it asked for');
  });
  const openingDeadline = createDeadline(clock, limits.openingMs, () => {
    observer.connectionRefused('opening');
    logger.info({ peer }, 'closed a connection that did not say in time what it speaks');
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
    outbox,
    pause: () => {
      socket.pause();
    },
    resume: () => {
      socket.resume();
    },
    opened: () => {
      openingDeadline.dispose();
    },
    finish: () => {
      if (isFinishing) return;
      isFinishing = true;
      openingDeadline.dispose();
      quietDeadline.dispose();
      outbox.flush();
      outbox.close();
      socket.end();
      // Reading on keeps the system from resetting the connection before the client has read the last bytes.
      socket.resume();
      lingerDeadline.start();
    },
    destroy: () => {
      socket.destroy();
    },
    refused: (reason, error) => {
      observer.connectionRefused(reason);
      const code = isPulsesError(error) ? error.code : undefined;
      logger.info({ peer, reason, code, detail: error.message }, 'turned a client away');
    },
    crashed: (error) => {
      logger.error({ peer, err: error }, 'a connection failed for a reason that nobody foresaw');
      socket.destroy();
    },
  };

  const speakAs = (chosen: ConnectionKind, speaker: Speaker, rest: Uint8Array): void => {
    kind = chosen;
    current = speaker;
    observer.connectionOpened(chosen);
    quietDeadline.dispose();
    if (rest.length > 0) speaker.onData(rest);
    if (isServerClosing) speaker.onServerClosing();
  };

  const refuseWithLine = (code: ErrorCode, detail: string): void => {
    outbox.send([Buffer.from(`${code}: ${detail}\n`)]);
    connection.finish();
  };

  const opening = createOpeningReader();
  const openingSpeaker: Speaker = {
    onData: (bytes) => {
      const result = opening.push(bytes);
      switch (result.kind) {
        case 'incomplete':
          if (isServerClosing) quietDeadline.start();
          return;
        case 'invalid':
          observer.connectionRefused('opening');
          logger.info({ peer, detail: result.reason }, 'turned away a client that speaks neither protocol');
          refuseWithLine('PROTOCOL_VIOLATION', result.reason);
          return;
        case 'binary':
          speakAs('binary', createBinarySpeaker(context, connection), result.rest);
          return;
        case 'sink':
        case 'source': {
          if (context.asksForToken) {
            observer.connectionRefused('unauthenticated');
            logger.info({ peer, topic: result.topic }, 'turned away a line-protocol client: a token is asked for');
            refuseWithLine('UNAUTHENTICATED', 'this broker asks for a token, which the line protocol cannot carry');
            return;
          }
          connection.opened();
          const create = result.kind === 'sink' ? createSinkSpeaker : createSourceSpeaker;
          speakAs(result.kind, create(context, connection, result.topic), result.rest);
          return;
        }
      }
    },
    onDrain: () => undefined,
    onEnd: () => {
      connection.finish();
    },
    onClose: () => undefined,
    // What has arrived is still in the system's buffers: whoever has said by then what it speaks is heard.
    onServerClosing: () => {
      quietDeadline.start();
    },
  };
  let current: Speaker = openingSpeaker;

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
      outbox.onDrain();
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
      quietDeadline.dispose();
      lingerDeadline.dispose();
      outbox.close();
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
