// Line protocol, sending side: every line is a message for the topic.
//
// Guarantees: messages whose line end has arrived are stored in order, also after the client closed or the connection
// broke. One append is in flight at a time, so a refused one (a full disk, an overloaded log) is retried before
// anything behind it. No byte is sent. Our side ends once everything is stored, which tells a waiting client so.
// Does not survive: lines that wait when the process is killed. This protocol has no acknowledgements.
// Bounds: bytes that wait here and over all sinks; above, the client is not read. A long line is read slowly. A line
// above MESSAGE_BYTES_MAX ends the connection after the lines before it.

import { createLineReader, type LineBlock } from '@pulses/broker-wire';
import { isPulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import type { Connection, ProtocolHandler } from '../connection/protocol-handler';
import type { ServerContext } from '../context';
import { createDeadline } from '../limits/deadline';

export function createLineProducer(context: ServerContext, connection: Connection, topic: string): ProtocolHandler {
  const { clock, limits, log, logger, observer, refusals, sinkBudget } = context;
  const { peer } = connection;
  const reader = createLineReader({ ownsChunks: true });
  let waiting: LineBlock[] = [];
  /** Complete lines that are not stored yet. */
  let linesBytes = 0;
  let isStoring = false;
  let isPaused = false;
  /** A long line waits for its next read. */
  let isPacing = false;
  let isClosed = false;
  /** Set once no more lines are accepted: what to do when the accepted ones are stored. */
  let whenStored: (() => void) | undefined;

  const account = sinkBudget.open({
    onFullChanged: () => {
      steer();
    },
    onEvicted: () => {
      refusals.report('overloaded', { peer, topic }, 'producer closed: no memory left for its unfinished line');
      takeNoMore(connection.destroy);
    },
  });

  const quietDeadline = createDeadline(clock, limits.sinkQuietMs, () => {
    takeNoMore(connection.finish);
  });
  let isServerClosing = false;

  const steer = (): void => {
    account.set(reader.pendingBytes, linesBytes);
    if (whenStored !== undefined || isClosed) return;
    const mustPause = isPacing || sinkBudget.isFull || linesBytes > limits.connectionInputBytesMax;
    if (mustPause !== isPaused) {
      isPaused = mustPause;
      if (mustPause) connection.pause();
      else connection.resume();
    }
    if (!isServerClosing) return;
    if (isPaused) quietDeadline.stop();
    else quietDeadline.start();
  };

  const pace = (): void => {
    if (isPacing || reader.pendingBytes <= limits.sinkLongLineBytes) return;
    isPacing = true;
    clock.setTimer(
      limits.sinkLongLinePaceMs,
      () => {
        isPacing = false;
        steer();
      },
      { keepAlive: false },
    );
  };

  const takeNoMore = (then: () => void): void => {
    if (whenStored !== undefined) return;
    whenStored = then;
    reader.drop();
    quietDeadline.dispose();
    steer();
    if (!isStoring) then();
  };

  const take = (block: LineBlock | undefined): void => {
    if (block === undefined) return;
    waiting.push(block);
    linesBytes += block.payload.length;
    void storeAll();
  };

  const storeAll = async (): Promise<void> => {
    if (isStoring) return;
    isStoring = true;
    try {
      while (waiting.length > 0) {
        const block = joinBlocks(waiting, limits.sinkBlockBytesMax);
        await store(block);
        linesBytes -= block.payload.length;
        steer();
      }
    } catch (error) {
      logger.warn({ peer, topic, bytes: linesBytes, err: error }, 'lines of a producer lost: storing them failed');
      waiting = [];
      linesBytes = 0;
      takeNoMore(connection.destroy);
    }
    isStoring = false;
    if (isClosed) account.close();
    else whenStored?.();
  };

  /** Stores the block; retries while the log has no room. @throws errors that a retry would not change */
  const store = async (block: LineBlock): Promise<void> => {
    let delayMs = limits.sinkRetryMsMin;
    for (;;) {
      try {
        await log.append({ topic, ...block });
        failpoint('lines.after-append');
        return;
      } catch (error) {
        if (!isPulsesError(error) || !error.retriable || error.code === 'SHUTTING_DOWN') throw error;
        if (delayMs === limits.sinkRetryMsMin) {
          logger.warn({ peer, topic, code: error.code }, 'producer paused: the log is full, retrying');
        }
      }
      await new Promise<void>((resolve) => {
        clock.setTimer(delayMs, resolve, { keepAlive: false });
      });
      delayMs = Math.min(delayMs * 2, limits.sinkRetryMsMax);
    }
  };

  return {
    onData: (bytes) => {
      if (whenStored !== undefined) return;
      try {
        take(reader.push(bytes));
      } catch (error) {
        if (!isPulsesError(error)) throw error;
        observer.lineRefused();
        logger.warn({ peer, topic, code: error.code, detail: error.message }, 'producer closed: line too long');
        connection.pause();
        take(reader.blockBeforeFailure);
        takeNoMore(connection.destroy);
        return;
      }
      pace();
      steer();
    },
    onDrain: () => undefined,
    onEnd: () => {
      takeNoMore(connection.finish);
    },
    onClose: () => {
      isClosed = true;
      takeNoMore(() => undefined);
      if (!isStoring) account.close();
    },
    onServerClosing: () => {
      // Bytes that have arrived may still be in the system's buffers: read until the client is silent.
      isServerClosing = true;
      steer();
    },
  };
}

/** Takes blocks from the front and makes them one, up to the size, yet at least one block. */
function joinBlocks(blocks: LineBlock[], bytesMax: number): LineBlock {
  let count = 0;
  let bytes = 0;
  let recordCount = 0;
  for (const block of blocks) {
    if (count > 0 && bytes + block.payload.length > bytesMax) break;
    count += 1;
    bytes += block.payload.length;
    recordCount += block.recordCount;
  }
  const taken = blocks.splice(0, count);
  const [first] = taken;
  if (count === 1 && first !== undefined) return first;
  return {
    recordCount,
    payload: Buffer.concat(
      taken.map(({ payload }) => payload),
      bytes,
    ),
  };
}
