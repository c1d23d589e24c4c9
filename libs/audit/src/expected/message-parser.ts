// Messages of the source: the quick way where it decides, else the thorough one.

import { isUtf8 } from 'node:buffer';
import type { DeadLetterReason } from '@pulses/shared-pulse-model';
import { FastPulseParser, PulseFields } from './pulse-parser.fast';
import { parsePulse, type SourcePulse } from './pulse-parser';

const LINE_FEED = 10;

/** A message; to be used again for another one. */
export interface Message {
  readonly pulse: PulseFields;
  /** The labels stand in JSON as they are. */
  isPlain: boolean;
  /** Set when it is no pulse; `pulse` then means nothing. */
  refusal: Refusal | undefined;
}

export interface Refusal {
  readonly reason: DeadLetterReason;
  readonly raw: Buffer;
}

export function createMessage(): Message {
  return { pulse: new PulseFields(), isPlain: false, refusal: undefined };
}

/** Reads the messages of one block after the other. */
export interface MessageParser {
  /** Goes to the start of a block of whole messages. */
  open(block: Buffer): void;
  /** Reads the next message, which refers to the block. */
  read(message: Message): void;
}

export function createMessageParser(): MessageParser {
  const common = new FastPulseParser();
  let bytes: Buffer = Buffer.alloc(0);
  let isText = true;
  let start = 0;
  return {
    open(block) {
      bytes = block;
      isText = isUtf8(block);
      start = 0;
    },
    read(message) {
      let end = common.read(bytes, start, isText, message.pulse);
      message.isPlain = end >= 0;
      message.refusal = undefined;
      if (end < 0) {
        end = bytes.indexOf(LINE_FEED, start);
        readThoroughly(bytes.subarray(start, end), message);
      }
      start = end + 1;
    },
  };
}

function readThoroughly(raw: Buffer, message: Message): void {
  const reading = parsePulse(raw);
  if (typeof reading === 'string') message.refusal = { reason: reading, raw };
  else setFields(message.pulse, reading);
}

/** The same as ranges of bytes. */
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
