// A partition as the pipeline's source.
//
// Guarantees: messages come once, in order, with the times that they had in every earlier session (see source-clock.ts).
// The clock advances with what the pipeline was given, not with what is read ahead.

import type { SourceEvent, SourceStream } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import type { RecordBatch } from '../records/record-batch';
import type { PartitionReader, ReadStep } from './partition-reader';
import { RecordsDecoder, type Piece } from './records-decoder';
import type { SourceClock } from './source-clock';
import type { Ticker } from './ticker';

export interface KafkaSourceStreamOptions {
  readonly reader: PartitionReader;
  readonly clock: SourceClock;
  readonly ticker: Ticker;
  readonly fromOffset: number;
  /** Hears of every failure but a close, and answers what to reject with. */
  onFailure(error: unknown): PulsesError;
  /** Why the stream is closed. */
  closedBy(): PulsesError;
  /** Ends what the reader has under way. */
  onClose(): void;
}

export class KafkaSourceStream implements SourceStream {
  readonly #options: KafkaSourceStreamOptions;
  readonly #decoder = new RecordsDecoder();
  /** Of the batch in use, the next one last. */
  #pieces: Piece[] = [];
  #batchTimeMs = 0;
  #nextOffset: number;
  /** The head that was told last. */
  #toldHead = { nextOffset: -1, clockMs: -1 };
  #isClosed = false;

  constructor(options: KafkaSourceStreamOptions) {
    this.#options = options;
    this.#nextOffset = options.fromOffset;
  }

  async next(): Promise<SourceEvent> {
    for (;;) {
      this.#throwIfClosed();
      const piece = this.#pieces.pop();
      if (piece !== undefined) return this.#event(piece);
      const step = await this.#read();
      this.#throwIfClosed();
      if (step.kind === 'batch') this.#take(step.batch);
      else {
        this.#nextOffset = step.nextOffset;
        const head = { nextOffset: step.nextOffset, clockMs: this.#options.clock.clockMs };
        this.#options.ticker.update({ isAtHead: true, ...head });
        const told = this.#toldHead;
        if (told.nextOffset !== head.nextOffset || told.clockMs !== head.clockMs) return this.#tell(head);
      }
    }
  }

  provePast(timeMs: number): void {
    if (!this.#isClosed) this.#options.ticker.want(timeMs);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.ticker.close();
    this.#options.onClose();
  }

  async #read(): Promise<ReadStep> {
    try {
      return await this.#options.reader.next();
    } catch (error) {
      this.#throwIfClosed();
      throw this.#options.onFailure(error);
    }
  }

  #take(batch: RecordBatch): void {
    const { reader, ticker, clock, onFailure } = this.#options;
    const where = `${reader.log}: the batch at offset ${batch.baseOffset}`;
    try {
      if (!batch.isLogAppendTime)
        throw new PulsesError(
          'LOG_UNSUITABLE',
          `${where} has its producer's time; set message.timestamp.type=LogAppendTime, and delete what was stored before`,
        );
      this.#pieces = this.#decoder.decode(batch, this.#nextOffset, where).reverse();
    } catch (error) {
      throw onFailure(error);
    }
    // Of all its records: the broker sets one time for a batch.
    this.#batchTimeMs = batch.maxTimestampMs;
    if (this.#pieces.length === 0) this.#nextOffset = batch.nextOffset;
    ticker.update({ isAtHead: false, nextOffset: this.#nextOffset, clockMs: clock.clockMs });
  }

  #event(piece: Piece): SourceEvent {
    const timestampMs = this.#options.clock.observe(piece.nextOffset, this.#batchTimeMs);
    this.#nextOffset = piece.nextOffset;
    if (piece.kind === 'tick') return this.#tell({ nextOffset: piece.nextOffset, clockMs: timestampMs });
    const { baseOffset, start, ends } = piece;
    const { bytes } = this.#decoder;
    return { kind: 'records', baseOffset, recordCount: ends.length, timestampMs, bytes, start, ends, gap: 0 };
  }

  #tell(head: { nextOffset: number; clockMs: number }): SourceEvent {
    this.#toldHead = head;
    return { kind: 'head', ...head };
  }

  #throwIfClosed(): void {
    if (this.#isClosed) throw this.#options.closedBy();
  }
}
