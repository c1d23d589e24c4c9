// Messages of the source: by the fast path where it decides, else in full.

import { isUtf8 } from 'node:buffer';
import type { DeadLetterReason } from '@pulses/shared-pulse-model';
import { FastPulseParser, PulseFields } from './pulse-parser.fast';
import { parsePulse, type SourcePulse } from './pulse-parser';

const LINE_FEED = 10;

/** A message; used again for the next one. */
export interface Message {
  readonly pulse: PulseFields;
  /** The labels need no escapes in JSON. */
  isPlain: boolean;
  /** Set when it is no pulse; `pulse` is undefined data then. */
  refusal: Refusal | undefined;
}

export interface Refusal {
  readonly reason: DeadLetterReason;
  readonly raw: Buffer;
}

export function createMessage(): Message {
  return { pulse: new PulseFields(), isPlain: false, refusal: undefined };
}

/** Parses the messages of one block after the other. */
export class MessageParser {
  readonly #fast = new FastPulseParser();
  #bytes: Buffer = Buffer.alloc(0);
  #isText = true;
  /** Where each message ends, if a message may hold a line feed itself. */
  #ends: Int32Array | undefined;
  #index = 0;
  #start = 0;

  /** Goes to the start of a block of whole messages. */
  open(block: Buffer, ends?: Int32Array): void {
    this.#bytes = block;
    this.#isText = isUtf8(block);
    this.#ends = ends;
    this.#index = 0;
    this.#start = 0;
  }

  /** Parses the next message, which refers to the block. */
  next(message: Message): void {
    let end = this.#fast.parse(this.#bytes, this.#start, this.#isText, message.pulse);
    const stated = this.#ends?.[this.#index];
    // A pulse with a line feed behind it is not the whole message.
    if (stated !== undefined && end !== stated) end = -1;
    message.isPlain = end >= 0;
    message.refusal = undefined;
    if (end < 0) {
      end = stated ?? this.#bytes.indexOf(LINE_FEED, this.#start);
      parseInFull(this.#bytes.subarray(this.#start, end), message);
    }
    this.#index += 1;
    this.#start = end + 1;
  }
}

function parseInFull(raw: Buffer, message: Message): void {
  const reading = parsePulse(raw);
  if (typeof reading === 'string') message.refusal = { reason: reading, raw };
  else setFields(message.pulse, reading);
}

/** The pulse as ranges of bytes. */
function setFields(pulse: PulseFields, { tenantId, productSku, useUnit, usedAmount }: SourcePulse): void {
  const [tenant, sku, unit] = [Buffer.from(tenantId), Buffer.from(productSku), Buffer.from(useUnit)];
  pulse.text = Buffer.concat([tenant, sku, unit]);
  pulse.tenantStart = 0;
  pulse.tenantEnd = tenant.byteLength;
  pulse.skuStart = pulse.tenantEnd;
  pulse.skuEnd = pulse.skuStart + sku.byteLength;
  pulse.unitStart = pulse.skuEnd;
  pulse.unitEnd = pulse.unitStart + unit.byteLength;
  pulse.amount.set(usedAmount);
}
