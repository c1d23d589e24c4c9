// Line protocol, receiving side: every message of a topic from the first one kept, then new ones as they arrive.
//
// Guarantees: gapless, in order, without duplicates: the stream reads the log with its own cursor, and a change of the
// topic only wakes it. It waits for a topic that does not exist. It ends when the topic is deleted.
// Bytes from the client are discarded. A client that ends only its sending side (`nc -N` at the end of its input)
// still receives: the stream lasts until the client closes. A half-closed client and one that is gone look alike until
// something is sent. So in each `halfClosedProbeMs` of silence such a client gets an empty line, which is no message.
// Bounds: one read of the log beyond what the socket holds.

import type { Incarnation } from '@pulses/broker-wire';
import { isPulsesError } from '@pulses/shared-errors';
import type { Connection, ProtocolHandler } from '../connection/protocol-handler';
import type { ServerContext } from '../context';
import { createDeadline } from '../limits/deadline';

const EMPTY_LINE = Buffer.from('\n');

export function createLineConsumer(context: ServerContext, connection: Connection, topic: string): ProtocolHandler {
  const { clock, limits, log, logger } = context;
  const { sendBuffer, peer } = connection;
  let cursor: { readonly incarnation: Incarnation; next: number } | undefined;
  let isPumping = false;
  /** The topic has changed since the last step began. */
  let hasNews = false;
  let isOver = false;
  let isHalfClosed = false;

  const probe = createDeadline(clock, limits.halfClosedProbeMs, () => {
    // Bytes that wait already find out.
    if (!sendBuffer.isBlocked) sendBuffer.send([EMPTY_LINE]);
    probe.start();
  });

  const release = (): void => {
    isOver = true;
    probe.dispose();
    unsubscribe();
  };

  const end = (): void => {
    release();
    connection.finish();
  };

  /** Sends one read's worth; false when there is nothing more to send. */
  const step = async (): Promise<boolean> => {
    const info = log.topic(topic);
    if (cursor === undefined) {
      if (info === undefined) return false;
      cursor = { incarnation: info.incarnation, next: info.startOffset };
    }
    if (info?.incarnation !== cursor.incarnation) {
      end();
      return false;
    }
    if (cursor.next === info.nextOffset) return false;
    const batches = await log.read(topic, cursor.incarnation, cursor.next, context.readBytes());
    const last = batches.at(-1);
    if (isOver || last === undefined) return false;
    cursor.next = last.baseOffset + last.recordCount;
    sendBuffer.send(batches.map(({ payload }) => payload));
    if (isHalfClosed) probe.start();
    return cursor.next !== log.topic(topic)?.nextOffset;
  };

  const pump = async (): Promise<void> => {
    if (isPumping || sendBuffer.isBlocked) return;
    isPumping = true;
    try {
      do {
        await context.readScheduler.take(); // not inside the log's own call of a listener
        if (isOver || sendBuffer.isBlocked) break;
        hasNews = false;
      } while ((await step()) || hasNews);
    } catch (error) {
      if (!isPulsesError(error)) connection.crashed(error);
      else if (!isOver) {
        if (error.code !== 'TOPIC_UNKNOWN') {
          logger.warn({ peer, topic, code: error.code, detail: error.message }, 'consumer closed: its read failed');
        }
        end();
      }
    }
    isPumping = false;
  };

  const unsubscribe = log.onChange(topic, () => {
    hasNews = true;
    void pump();
  });
  void pump();

  return {
    onData: () => undefined,
    onDrain: () => {
      void pump();
    },
    onEnd: () => {
      isHalfClosed = true;
      if (!isOver) probe.start();
    },
    onClose: release,
    onServerClosing: end,
  };
}
