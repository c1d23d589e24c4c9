// What is known of a producer's transactions at any moment. Pure: no requests, no time.
//
//   unidentified --identified--> idle --begun--> open --stored--> ending --ended--> idle
//   any of them  --failed------> over
//
// Guarantees: a failure before `stored` means that the transaction is not committed and never will be: its end was not
// asked for, and the next holder of the transactional id aborts it. A failure after it leaves the outcome unknown; the next
// holder ends what was prepared, and then the stored position tells. `over` is final.

import type { PulsesError } from '@pulses/shared-errors';
import type { ProducerIdentity } from '../protocol/transaction-requests';

/** Next sequence number of each partition that has got batches under this identity (KIP-98). */
export type Sequences = ReadonlyMap<string, number>;

/** `none`: no transaction was open. */
export type Outcome = 'none' | 'undone' | 'unknown';

export type TransactionState =
  | { readonly kind: 'unidentified' }
  | { readonly kind: 'idle' | 'open' | 'ending'; readonly producer: ProducerIdentity; readonly sequences: Sequences }
  | { readonly kind: 'over'; readonly error: PulsesError; readonly outcome: Outcome };

export type TransactionEvent =
  | { readonly kind: 'identified' | 'ended'; readonly producer: ProducerIdentity }
  | { readonly kind: 'begun' | 'stored' }
  /** A batch takes its sequence numbers. */
  | { readonly kind: 'numbered'; readonly partition: string; readonly recordCount: number }
  | { readonly kind: 'failed'; readonly error: PulsesError };

const SEQUENCE_MAX = 2 ** 31 - 1;
const FROM = {
  identified: 'unidentified',
  begun: 'idle',
  numbered: 'open',
  stored: 'open',
  ended: 'ending',
} as const satisfies Partial<Record<TransactionEvent['kind'], TransactionState['kind']>>;

/** @throws TypeError for an event that the state does not allow */
export function advance(state: TransactionState, event: TransactionEvent): TransactionState {
  if (event.kind === 'failed')
    return state.kind === 'over' ? state : { kind: 'over', error: event.error, outcome: outcomeIn(state) };
  if (state.kind !== FROM[event.kind])
    throw new TypeError(`a transaction is ${state.kind} and cannot be ${event.kind}`);
  switch (event.kind) {
    case 'identified':
      return { kind: 'idle', producer: event.producer, sequences: new Map() };
    case 'ended':
      return { kind: 'idle', producer: event.producer, sequences: sequencesOf(state, event.producer) };
    case 'begun':
    case 'stored':
      return { ...identified(state), kind: event.kind === 'begun' ? 'open' : 'ending' };
    case 'numbered': {
      const { producer, sequences } = identified(state);
      const next = nextSequence(sequences.get(event.partition) ?? 0, event.recordCount);
      return { kind: 'open', producer, sequences: new Map(sequences).set(event.partition, next) };
    }
  }
}

/** Numbers are of 31 bits and start again at 0. */
function nextSequence(sequence: number, recordCount: number): number {
  return (sequence + recordCount) % (SEQUENCE_MAX + 1);
}

type Identified = Extract<TransactionState, { producer: ProducerIdentity }>;

function identified(state: TransactionState): Identified {
  if (state.kind === 'unidentified' || state.kind === 'over') throw new TypeError(`a transaction is ${state.kind}`);
  return state;
}

/** An epoch of its own has numbers of its own: that is what version 2 adds. */
function sequencesOf(state: TransactionState, next: ProducerIdentity): Sequences {
  const { producer, sequences } = identified(state);
  return producer.producerId === next.producerId && producer.epoch === next.epoch ? sequences : new Map();
}

function outcomeIn({ kind }: TransactionState): Outcome {
  if (kind === 'open') return 'undone';
  return kind === 'ending' ? 'unknown' : 'none';
}
