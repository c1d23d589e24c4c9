// pulses produce: lines of standard input to a topic, each stored once.

import { tenantKeyOf, type LineProducer } from '@pulses/connector-api';
import { RetryNews } from '@pulses/shared-async';
import { nodeClock } from '@pulses/shared-node-platform';
import type { Timer } from '@pulses/shared-ports';
import { CUT_SHORT_EXIT_CODE, defineCommand } from '../command';
import { connectorCommandSettings, toolsOf } from '../connector-access';
import { readLineBlocks } from '../line-input';
import { groupedDigits } from '../listing';
import { startProgress } from '../progress';
import { visibleText } from '../visible-text';

/** Bytes sent and not acknowledged; one block may exceed it. */
const PENDING_BYTES_MAX = 16 * 1024 * 1024;
/** Time for pending acknowledgements after a stop. */
const DRAIN_MS = 5_000;

interface Totals {
  acknowledged: number;
}

export const produceCommand = defineCommand({
  name: 'produce',
  args: ['TOPIC'],
  purpose: 'Publishes the lines of standard input to a topic.',
  details:
    'Each line is a message, stored once however often the connection breaks. A CR before the line end is not part of it, ' +
    'an empty line is none, an unterminated last line is one. Prints how many messages were acknowledged, which means on disk.',
  settings: connectorCommandSettings,
  async run({ settings, args: [topic = ''], terminal, stopSignal }) {
    const tools = await toolsOf(settings);
    const news = new RetryNews(nodeClock);
    let note = (text: string) => {
      terminal.note(text);
    };
    const producer = await tools.openProducer({
      topic,
      keyOf: tenantKeyOf(),
      // An unreachable system fails before a line is read.
      isPatient: false,
      onRetry: (error, attempt) => {
        if (news.isNews(error.message, attempt)) note(visibleText(`pulses: ${error.message}; trying again`));
      },
    });
    const stop = stopSignal();
    const totals: Totals = { acknowledged: 0 };
    const startMs = nodeClock.monotonicMs();
    const progress = await startProgress(terminal, nodeClock, () => {
      const seconds = Math.max(nodeClock.monotonicMs() - startMs, 1) / 1000;
      const rate = Math.round(totals.acknowledged / seconds);
      return `${groupedDigits(totals.acknowledged)} acknowledged · ${groupedDigits(rate)}/s`;
    });
    note = (text) => {
      progress.note(text);
    };
    try {
      await produce(producer, terminal.input(stop), totals, stop);
    } finally {
      progress.stop();
      await terminal.write(
        settings.json || !terminal.isInteractive
          ? `${JSON.stringify({ messages_acked: totals.acknowledged })}\n`
          : `${groupedDigits(totals.acknowledged)} messages acknowledged\n`,
      );
    }
    if (!stop.aborted) return 0;
    terminal.note(
      `pulses: stopped before the end of the input; ${groupedDigits(totals.acknowledged)} messages acknowledged`,
    );
    return CUT_SHORT_EXIT_CODE;
  },
});

/** Resolves once everything is acknowledged, or after a stop. @throws PulsesError MESSAGE_TOO_LARGE, and the producer's */
async function produce(
  producer: LineProducer,
  input: AsyncIterable<Uint8Array>,
  totals: Totals,
  stop: AbortSignal,
): Promise<void> {
  let failure: { readonly error: unknown } | undefined;
  let pendingBytes = 0;
  const pending = new Set<Promise<void>>();
  const send = (payload: Uint8Array, recordCount: number) => {
    pendingBytes += payload.byteLength;
    const settled = producer
      .send(payload, recordCount)
      .then(
        () => {
          totals.acknowledged += recordCount;
        },
        (error: unknown) => {
          failure ??= { error };
        },
      )
      .finally(() => {
        pendingBytes -= payload.byteLength;
        pending.delete(settled);
      });
    pending.add(settled);
  };

  let overdue: Timer | undefined;
  const drainInTime = () => {
    overdue = nodeClock.setTimer(DRAIN_MS, () => {
      producer.abort();
    });
  };
  stop.addEventListener('abort', drainInTime, { once: true });
  try {
    for await (const { payload, recordCount } of readLineBlocks(input)) {
      send(payload, recordCount);
      while (pendingBytes > PENDING_BYTES_MAX) await Promise.race(pending);
      await producer.ready();
      if (failure !== undefined) break;
    }
  } catch (error) {
    if (!stop.aborted) throw error;
  } finally {
    await Promise.all(pending);
    await producer.close();
    overdue?.cancel();
  }
  if (failure !== undefined && !stop.aborted) throw failure.error;
}
