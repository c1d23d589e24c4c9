// Commits over several batches, interrupted between any two of them.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { isPulsesError } from '@pulses/shared-errors';
import { nodeClock } from '@pulses/shared-node-platform';
import { startNats, type NatsServer } from '@pulses/testing-services';
import { becomeActive, type Candidate } from './membership';
import { groupSubjects, type GroupSubjects } from './names';
import type { OutputLog } from './output-log';
import { provideOutputs } from './streams';

/** Of eleven messages, three are in the first batch, and eight are moved in three more. */
const LIMITS = { batchMessagesMax: 5, bodyBytesMax: 600 };
const ANCHOR = 'anchor';
const CLOCK = { offset: 1, ms: 0, held: [] };
const TENANTS = Array.from({ length: 11 }, (_, index) => `t${index}`);

let server: NatsServer;
let connection: NatsConnection;
let manager: JetStreamManager;
let groups = 0;

beforeAll(async () => {
  server = await startNats({ own: true });
  connection = await connect({ servers: server.url, reconnect: false });
  manager = await jetstreamManager(connection);
  // With its last stream a server removes the directory in which the next one is made.
  await manager.streams.add({ name: ANCHOR, subjects: ['anchor'] });
});
afterAll(async () => {
  await connection.close();
  await server.stop();
});

/** Passes on what a member sends, up to a number of stored batches; then the member is cut off. */
function cutAfter(batches: number): NatsConnection {
  let left = batches;
  return new Proxy(connection, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (key === 'request')
        return (...args: Parameters<NatsConnection['request']>) => {
          if (left === 0) return Promise.reject(new Error('cut off'));
          left -= 1;
          return target.request(...args);
        };
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** Holds back what a member sends behind a number of stored batches, until `resume`. */
function pauseAfter(batches: number) {
  const { promise: resumed, resolve: resume } = Promise.withResolvers<void>();
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  let left = batches;
  const over = new Proxy(connection, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (key === 'request')
        return async (...args: Parameters<NatsConnection['request']>) => {
          left -= 1;
          if (left < 0) {
            reach();
            await resumed;
          }
          return await target.request(...args);
        };
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  return { over, reached, resume };
}

async function freshGroup(): Promise<GroupSubjects> {
  for (const name of await manager.streams.names().next()) if (name !== ANCHOR) await manager.streams.delete(name);
  groups += 1;
  const subjects = groupSubjects(`g${groups}`, 'source');
  await provideOutputs(manager, subjects, `g${groups}`);
  return subjects;
}

const member = (subjects: GroupSubjects, over: NatsConnection = connection): Promise<OutputLog> => {
  const candidate: Candidate = {
    connection: over,
    manager,
    clock: nodeClock,
    subjects,
    limits: LIMITS,
    member: 'm',
    leaseMs: 1,
    signal: new AbortController().signal,
    fresh: { source: { stream: 's', incarnation: 'a'.repeat(32) }, positions: {}, clock: CLOCK },
    onStandby: () => undefined,
  };
  return becomeActive(candidate);
};

const commitOf = (log: OutputLog, text: string, offset: number) =>
  log.commit(
    TENANTS.map((tenant) => ({
      subject: `tenants.${tenant}.grouped.pulses`,
      lineCount: 1,
      body: Buffer.from(`${text} of ${tenant}\n`),
    })),
    new Map([['grouped', { offset, metadata: text }]]),
    CLOCK,
  );

async function linesOf({ stream }: GroupSubjects): Promise<string[]> {
  const consumer = await jetstream(connection).consumers.get(stream, { filter_subjects: ['tenants.>'] });
  const lines: string[] = [];
  if ((await consumer.info()).num_pending === 0) return lines;
  const messages = await consumer.consume();
  for await (const message of messages) {
    lines.push(message.string());
    if (message.info.pending === 0) break;
  }
  await messages.close();
  return lines.sort();
}

const expected = (...texts: string[]) =>
  texts.flatMap((text) => TENANTS.map((tenant) => `${text} of ${tenant}\n`)).sort();

describe('a commit above the limit of a batch', () => {
  it('is stored whole, and leaves one position and an empty journal', async () => {
    const subjects = await freshGroup();
    const log = await member(subjects);
    await commitOf(log, 'first', 1);
    await Promise.all([commitOf(log, 'second', 2), commitOf(log, 'third', 3)]);
    expect(await linesOf(subjects)).toEqual(expected('first', 'second', 'third'));
    const own = { subjects_filter: 'pulses.>' };
    expect((await manager.streams.info(subjects.stream, own)).state.subjects).toEqual({
      [subjects.position]: 1,
      [subjects.journal]: 1,
    });
    expect((await member(subjects)).record.positions).toEqual({ grouped: { offset: 3, metadata: 'third' } });
  });

  // The lease, the commit before, the batch with the journal, and three that move the rest.
  it.each([2, 3, 4, 5, 6])('is all or nothing when the member is cut off after %i batches', async (batches) => {
    const subjects = await freshGroup();
    const cut = await member(subjects, cutAfter(batches));
    await cut.commit([], new Map([['grouped', { offset: 1, metadata: 'before' }]]), CLOCK);
    const failure = await commitOf(cut, 'late', 2).then(
      () => undefined,
      (error: unknown) => error,
    );
    const isWhole = batches === 6;
    expect(isPulsesError(failure)).toBe(!isWhole);
    const isDecided = batches > 2;
    for (let takeover = 0; takeover < 2; takeover += 1) {
      const { record } = await member(subjects);
      expect(record.positions).toEqual({
        grouped: isDecided ? { offset: 2, metadata: 'late' } : { offset: 1, metadata: 'before' },
      });
      expect(record.journal).toBeUndefined();
      expect(await linesOf(subjects)).toEqual(isDecided ? expected('late') : []);
    }
  });

  it.each([3, 4, 5])('is finished once by members that are cut off in turn, %i batches each', async (batches) => {
    const subjects = await freshGroup();
    const cut = await member(subjects, cutAfter(2));
    await commitOf(cut, 'turns', 2).catch(() => undefined);
    for (let turn = 0; turn < 10; turn += 1) await member(subjects, cutAfter(batches - 2)).catch(() => undefined);
    expect((await member(subjects)).record.positions).toEqual({ grouped: { offset: 2, metadata: 'turns' } });
    expect(await linesOf(subjects)).toEqual(expected('turns'));
  });

  it.each([2, 3, 4, 5])(
    'is finished once when its member wakes up after a pause behind %i batches',
    async (batches) => {
      const subjects = await freshGroup();
      const { over, reached, resume } = pauseAfter(batches);
      const paused = await member(subjects, over);
      await paused.commit([], new Map([['grouped', { offset: 1, metadata: 'before' }]]), CLOCK);
      const late = commitOf(paused, 'late', 2);
      late.catch(() => undefined);
      await reached;
      const next = await member(subjects);
      const isDecided = batches > 2;
      await commitOf(next, 'new', 3);
      resume();
      await expect(late).rejects.toMatchObject({ code: 'FENCED' });
      expect(await linesOf(subjects)).toEqual(isDecided ? expected('late', 'new') : expected('new'));
      expect((await member(subjects)).record.positions).toEqual({ grouped: { offset: 3, metadata: 'new' } });
    },
  );

  it('is refused to a member that was paused before it', async () => {
    const subjects = await freshGroup();
    const paused = await member(subjects);
    await commitOf(paused, 'own', 1);
    const next = await member(subjects);
    await expect(commitOf(paused, 'late', 2)).rejects.toMatchObject({ code: 'FENCED' });
    await commitOf(next, 'new', 3);
    expect(await linesOf(subjects)).toEqual(expected('own', 'new'));
  });
});
