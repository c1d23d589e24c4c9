// A client that does everything right, and knows what the broker must hold because of it.

import {
  columnsOf,
  encodeRequest,
  payloadOf,
  PREAMBLE,
  PROTOCOL_VERSION,
  type Request,
  type Response,
} from '@pulses/broker-wire';
import { settle } from '@pulses/testing-sim';
import type { DirectClient, DirectNetwork } from './direct-network';

const TOPIC = 'well-behaved';
const OUTPUT_TOPIC = 'well-behaved.outputs';
const GROUP = 'well-behaved-group';
const ID = 'c0ffee'.padEnd(32, '0');
const CREDIT_BYTES = 100_000_000;
const TURNS_MAX = 1_000;
/** Correlation id of its stream; those of its other requests count from 1. */
const STREAM = 0x8000_0000;

export interface WellBehavedClient {
  /** One batch, one commit of outputs and a position, and everything read that is there. @throws Error when an answer is missing or wrong */
  round(): Promise<void>;
  /** What each of its topics has to hold. */
  readonly expected: ReadonlyMap<string, readonly string[]>;
}

/** Waits for what comes by itself within a bounded number of turns. @throws Error */
export async function comes<Found>(look: () => Found | undefined, what: () => string): Promise<Found> {
  for (let turn = 0; turn < TURNS_MAX; turn += 1) {
    const found = look();
    if (found !== undefined) return found;
    await settle(2);
  }
  throw new Error(`never came: ${what()}`);
}

export async function createWellBehavedClient(network: DirectNetwork): Promise<WellBehavedClient> {
  const client: DirectClient = network.dial();
  const answers = new Map<number, Response>();
  const read: string[] = [];
  const sent: string[] = [];
  const outputs: string[] = [];
  let correlation = 0;
  let revision = 0;

  const listen = (): void => {
    for (const heard of client.take()) {
      const { response } = heard;
      if (heard.correlation !== STREAM) answers.set(heard.correlation, response);
      else if (response.type === 'error') throw new Error(`the stream ended with ${response.code}`);
      else if (response.type === 'records')
        for (const { baseOffset, payload } of response.batches) {
          if (baseOffset !== read.length) throw new Error(`offset ${baseOffset} came where ${read.length} was due`);
          read.push(...Buffer.from(payload).toString().split('\n').slice(0, -1));
        }
    }
    if (client.isOver) throw new Error('the connection of a client that did nothing wrong is over');
  };

  const send = (id: number, request: Request): void => {
    client.deliver(Buffer.concat(encodeRequest(id, request)));
  };

  const ask = async <Type extends Response['type']>(
    request: Request,
    type: Type,
  ): Promise<Extract<Response, { type: Type }>> => {
    const id = (correlation += 1);
    send(id, request);
    const answer = await comes(
      () => {
        listen();
        return answers.get(id);
      },
      () => `an answer to ${request.type}`,
    );
    answers.delete(id);
    if (answer.type !== type) throw new Error(`${JSON.stringify(answer)} came for ${type}`);
    return answer as Extract<Response, { type: Type }>;
  };

  client.deliver(PREAMBLE);
  await ask({ type: 'hello', protocolVersion: PROTOCOL_VERSION, client: 'good', token: '' }, 'hello-ok');
  const { topic } = await ask({ type: 'create-topic', topic: TOPIC }, 'topic');
  const { groupEpoch } = await ask(
    { type: 'join-group', group: GROUP, member: 'good', leaseMs: 300_000 },
    'group-joined',
  );
  send(STREAM, {
    type: 'fetch',
    topic: TOPIC,
    incarnation: topic.incarnation,
    fromOffset: 0,
    creditBytes: CREDIT_BYTES,
  });

  return {
    async round() {
      const sequence = sent.length / 2;
      const messages = [`message ${sent.length}`, `message ${sent.length + 1}`];
      const stamp = { id: ID, epoch: 0, sequence };
      const payload = Buffer.from(`${messages.join('\n')}\n`);
      const { baseOffset } = await ask(
        { type: 'produce', producer: stamp, topic: TOPIC, recordCount: 2, ...payloadOf(payload) },
        'produced',
      );
      if (baseOffset !== sent.length) throw new Error(`stored at ${baseOffset}, which is not ${sent.length}`);
      sent.push(...messages);
      outputs.push(`output ${revision}`);
      await ask(
        {
          type: 'commit',
          group: GROUP,
          groupEpoch,
          topic: TOPIC,
          incarnation: topic.incarnation,
          positions: [{ name: 'p', expectedRevision: revision, offset: sent.length, metadata: '' }],
          ...columnsOf([{ topic: OUTPUT_TOPIC, recordCount: 1, payload: Buffer.from(`output ${revision}\n`) }]),
        },
        'committed',
      );
      revision += 1;
      await comes(
        () => {
          listen();
          return read.length >= sent.length ? true : undefined;
        },
        () => `message ${read.length} of ${sent.length}`,
      );
    },
    expected: new Map([
      [TOPIC, sent],
      [OUTPUT_TOPIC, outputs],
    ]),
  };
}
