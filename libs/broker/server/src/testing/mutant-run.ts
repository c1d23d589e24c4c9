// A broker's door under mutated frames: the server, its connections and a log on a simulated disk. Only the sockets are
// left out, since they would be most of the work.
//
// Guarantees: throws with what is wrong. Every mutant has to be answered, refused with an error that ends its
// connection alone, or dropped for a frame that never became whole. A client beside them has to be served all the time.
// Everything stored has to be readable, also after a restart.

import type { BrokerLog } from '@pulses/broker-log-api';
import { openSegmentLog } from '@pulses/broker-segment-log';
import { encodeRequest, PREAMBLE, PRODUCER_KEPT_MS, PROTOCOL_VERSION, type Response } from '@pulses/broker-wire';
import { collectGarbage } from '@pulses/testing-processes';
import { createSimClock, createSimFileSystem, createSimRandom, settle, type SimClock } from '@pulses/testing-sim';
import { createBrokerServer } from '../broker-server';
import type { ServerLimits } from '../limits/server-limits';
import { createRequestSource } from './any-request';
import { createDirectNetwork, type DirectClient } from './direct-network';
import { createMutator, readStream, type StreamEnd, type WholeFrame } from './frame-mutator';
import { comes, createWellBehavedClient, type WellBehavedClient } from './well-behaved-client';
import { AT_ONCE, createTestLogger } from './harness';

const DIRECTORY = '/data';
const CONNECTIONS = 32;
const MUTANTS_PER_CONNECTION = 4;
const UNGREETED_EVERY = 8;
const READ_BYTES = 64 * 1024;

/** So small that what leaks is missed soon. */
const LIMITS: Partial<ServerLimits> = {
  ...AT_ONCE,
  frameCompletionMs: 500,
  lingerMs: 100,
  requestBytesMax: 256 * 1024,
  requestsMax: 16,
};

/** Short files: the simulated disk copies a file that grows. */
const LOG_OPTIONS = {
  segmentBytesMax: 64 * 1024,
  tailBytesMax: 128 * 1024,
};

// The document's numbers of requests that have no answer, or one that may never come.
const CREDIT = 5;
const STOP_FETCH = 6;
const JOIN_GROUP = 12;
const JOIN_AS_PUBLISHER = 16;
const UNANSWERED = new Set([CREDIT, STOP_FETCH, JOIN_GROUP, JOIN_AS_PUBLISHER]);
/** The only ways in which a connection may be ended for what its client sent. */
const ENDING_CODES = new Set(['PROTOCOL_VIOLATION', 'MESSAGE_TOO_LARGE', 'OVERLOADED']);
/** Before the hello anything else ends it, also what would get an error of its own later. */
const UNGREETED_ENDING_CODES = new Set([...ENDING_CODES, 'VERSION_UNSUPPORTED', 'TOPIC_INVALID']);

/** What became of the mutants. */
export interface MutantTally {
  mutants: number;
  /** Connections that were still served after their last mutant. */
  served: number;
  /** Connections that were refused for what they sent. */
  refused: number;
  /** Connections that were dropped for a frame that did not become whole in time. */
  timedOut: number;
  /** What the heap has grown by over the second half of the mutants. */
  heapGrowthBytes: number;
  /** How often each kind of answer came. */
  readonly answers: Map<string, number>;
}

interface Mutant {
  readonly client: DirectClient;
  readonly endingCodes: ReadonlySet<string>;
  /** Everything sent behind preamble and hello, and what is to be read in it. */
  readonly sent: Buffer[];
  readonly frames: WholeFrame[];
  rest: Buffer;
  end: StreamEnd;
  readonly answered: Set<number>;
  last: Response | undefined;
}

/** @throws Error with what went wrong */
export async function runMutants(seed: number, count: number): Promise<MutantTally> {
  const random = createSimRandom(seed);
  const clock = createSimClock();
  const fileSystem = createSimFileSystem({ seed });
  const open = (): Promise<BrokerLog> =>
    openSegmentLog({ fileSystem, clock, random, directory: DIRECTORY, options: LOG_OPTIONS });
  const log = await open();
  const network = createDirectNetwork();
  const { logger, events } = createTestLogger();
  const server = createBrokerServer({
    log,
    network,
    clock,
    logger,
    serverName: 'broker under test',
    producerExpiryMs: PRODUCER_KEPT_MS,
    limits: LIMITS,
  });
  await server.listen({ host: 'direct', port: 0 });
  const wellBehaved = await createWellBehavedClient(network);
  const source = createRequestSource(random);
  const mutator = createMutator(random);
  const tally: MutantTally = { mutants: 0, served: 0, refused: 0, timedOut: 0, heapGrowthBytes: 0, answers: new Map() };
  let correlation = 0;

  const listen = (mutant: Mutant): void => {
    for (const { correlation: id, response } of mutant.client.take()) {
      mutant.answered.add(id);
      mutant.last = response;
      source.learn(response);
      const name = response.type === 'error' ? response.code : response.type;
      tally.answers.set(name, (tally.answers.get(name) ?? 0) + 1);
    }
  };

  const dial = (index: number): Mutant => {
    const client = network.dial();
    client.deliver(PREAMBLE);
    const hello = encodeRequest(0xffff_ffff, {
      type: 'hello',
      protocolVersion: PROTOCOL_VERSION,
      client: 'mutant',
      token: '',
    });
    const isGreeted = index % UNGREETED_EVERY !== 0;
    if (isGreeted) client.deliver(Buffer.concat(hello));
    return {
      client,
      endingCodes: isGreeted ? ENDING_CODES : UNGREETED_ENDING_CODES,
      sent: [],
      frames: [],
      rest: Buffer.alloc(0),
      end: 'whole',
      answered: new Set(),
      last: undefined,
    };
  };

  const nextFrame = (): Buffer => {
    correlation = (correlation + 1) % 0x7fff_ffff;
    return Buffer.concat(encodeRequest(correlation, source.next()));
  };

  /** @returns whether the bytes were sent */
  const deliver = (mutant: Mutant, bytes: Buffer): boolean => {
    const { frames, rest, end, deletesAll } = readStream(Buffer.concat([mutant.rest, bytes]));
    // What is, by its bytes, a request to delete every topic would be done as asked, to the good client's loss.
    if (deletesAll) return false;
    mutant.sent.push(bytes);
    mutant.frames.push(...frames);
    mutant.rest = rest;
    mutant.end = end;
    mutant.client.deliver(Buffer.from(bytes));
    return true;
  };

  /** Valid requests, which leave streams, memberships and mutations in flight to disturb. */
  const prepare = (mutant: Mutant): void => {
    if (random.fraction() < 0.5) deliver(mutant, Buffer.concat([nextFrame(), nextFrame()]));
  };

  const attack = (mutant: Mutant): void => {
    const frames = Array.from({ length: 2 + Math.floor(random.fraction() * 2) }, nextFrame);
    if (deliver(mutant, mutator.mutate(frames))) tally.mutants += 1;
  };

  /** Every whole frame has its answer, or the connection has ended with an error. */
  const awaitAnswers = async (mutant: Mutant): Promise<void> => {
    const missing = () =>
      mutant.frames.find(({ type, correlation: id }) => !UNANSWERED.has(type) && !mutant.answered.has(id));
    await comes(
      () => {
        listen(mutant);
        return mutant.client.isOver || missing() === undefined ? true : undefined;
      },
      () => `an answer to ${JSON.stringify(missing())} of ${hexOf(mutant)}`,
    );
  };

  const assertEnding = (mutant: Mutant): void => {
    const { last, endingCodes } = mutant;
    if (last?.type !== 'error' || !endingCodes.has(last.code))
      throw new Error(`the connection ended with ${JSON.stringify(last)} after ${hexOf(mutant)}`);
  };

  const runRound = async (): Promise<void> => {
    const mutants = Array.from({ length: CONNECTIONS }, (_, index) => dial(index));
    for (let turn = 0; turn < MUTANTS_PER_CONNECTION; turn += 1) {
      // Half of what is unfinished stays so; the other half gets a rest that is none.
      const targets = mutants.filter(
        ({ client, end }) => !client.isOver && (end === 'whole' || random.fraction() < 0.5),
      );
      targets.forEach(prepare);
      await settle(random.fraction() < 0.5 ? 4 : 0);
      for (const mutant of targets) {
        listen(mutant);
        attack(mutant);
      }
      await settle(1);
    }
    for (const mutant of mutants) await awaitAnswers(mutant);
    const alive = mutants.filter(({ client }) => !client.isOver);
    tally.refused += mutants.length - alive.length;
    await clock.advance(LIMITS.frameCompletionMs ?? 0);
    for (const mutant of alive) {
      listen(mutant);
      const { end } = mutant;
      if (end === 'broken') throw new Error(`still served after a broken frame: ${hexOf(mutant)}`);
      if (mutant.client.isOver !== (end === 'unfinished'))
        throw new Error(`${end}, and over: ${mutant.client.isOver}: ${hexOf(mutant)}`);
      if (end === 'whole') tally.served += 1;
      else tally.timedOut += 1;
    }
    for (const mutant of mutants) if (mutant.client.isOver) assertEnding(mutant);
    for (const { client } of mutants) client.end();
    await wellBehaved.round();
    await comes(
      () => (server.connectionCount === 1 ? true : undefined),
      () => `the end of ${server.connectionCount} connections`,
    );
    const failure = events.find(({ level }) => level === 'error');
    if (failure !== undefined)
      throw new Error(`${failure.message}: ${String((failure.fields as { err?: Error }).err?.stack)}`);
    events.length = 0;
  };

  while (tally.mutants < count / 2) await runRound();
  const halfwayBytes = heapBytes();
  while (tally.mutants < count) await runRound();
  tally.heapGrowthBytes = heapBytes() - halfwayBytes;

  const before = await readAll(log);
  assertExpected(before, wellBehaved);
  await passed(clock, server.close(0));
  await passed(clock, log.close());
  if (clock.timerCount > 0) throw new Error(`${clock.timerCount} timers are left`);
  const again = await open();
  const after = await readAll(again);
  for (const [topic, messages] of before)
    if (after.get(topic)?.join('\n') !== messages.join('\n'))
      throw new Error(`${topic} is another one after a restart`);
  if (after.size !== before.size) throw new Error(`${before.size} topics before a restart, ${after.size} after it`);
  await passed(clock, again.close());
  return tally;
}

/** After the garbage was collected. */
function heapBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

function hexOf({ sent }: Mutant): string {
  return Buffer.concat(sent).toString('hex').slice(0, 4_000);
}

/** Moves time on until the promise settles. */
async function passed<Result>(clock: SimClock, promise: Promise<Result>): Promise<Result> {
  let isSettled = false;
  const settled = (): void => {
    isSettled = true;
  };
  promise.then(settled, settled);
  while (!isSettled) await clock.advance(100);
  return await promise;
}

/** Every message of every topic; @throws when one can't be read, is empty, or offsets do not follow. */
async function readAll(log: BrokerLog): Promise<Map<string, string[]>> {
  const all = new Map<string, string[]>();
  for (const { topic, incarnation, startOffset, nextOffset } of log.topics({ prefix: '', after: '', limit: 1_000_000 })
    .topics) {
    const messages: string[] = [];
    for (let next = startOffset; next < nextOffset;) {
      for (const { baseOffset, recordCount, payload } of await log.read(topic, incarnation, next, READ_BYTES)) {
        const texts = Buffer.from(payload).toString('latin1').split('\n').slice(0, -1);
        if (baseOffset !== next || texts.length !== recordCount || texts.includes(''))
          throw new Error(
            `${topic} has ${texts.length} messages at ${baseOffset}, where ${recordCount} from ${next} were due`,
          );
        messages.push(...texts);
        next += recordCount;
      }
    }
    all.set(topic, messages);
  }
  return all;
}

function assertExpected(all: ReadonlyMap<string, readonly string[]>, { expected }: WellBehavedClient): void {
  for (const [topic, messages] of expected)
    if (all.get(topic)?.join('\n') !== messages.join('\n'))
      throw new Error(`${topic} is not what the good client has sent`);
}
