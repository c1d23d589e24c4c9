import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  DiscardPolicy,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
  type StreamConfig,
} from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { startNats, type NatsServer } from '@pulses/testing-services';
import { groupSubjects } from './names';
import { incarnationOf, provideOutputs, provideSource } from './streams';

const SOURCE = 'source.pulses';
const GROUP = 'ingestor';
const ANCHOR = 'anchor';
const SUBJECTS = groupSubjects(GROUP, SOURCE);

let server: NatsServer;
let connection: NatsConnection;
let manager: JetStreamManager;
/** What a server of NATS_URL held before. */
let kept: readonly string[];

beforeAll(async () => {
  server = await startNats();
  // With its last stream a server removes the directory in which the next one is made.
  const first = await connect({ servers: server.url });
  const admin = await jetstreamManager(first);
  await admin.streams.add({ name: ANCHOR, subjects: ['anchor'] });
  kept = await admin.streams.names().next();
  await first.close();
});
afterAll(() => server.stop());
beforeEach(async () => {
  connection = await connect({ servers: server.url, reconnect: false });
  manager = await jetstreamManager(connection);
});
afterEach(async () => {
  for (const name of await manager.streams.names().next()) if (!kept.includes(name)) await manager.streams.delete(name);
  await connection.close();
});

const add = (config: Partial<StreamConfig> & { name: string }) => manager.streams.add(config);
const outputs = () => provideOutputs(manager, SUBJECTS, GROUP);
const unsuitable = (pattern: RegExp): object => ({ code: 'LOG_UNSUITABLE', message: expect.stringMatching(pattern) });

describe('the stream of a source', () => {
  it('is made on disk, and found the next time', async () => {
    const made = await provideSource(manager, SOURCE);
    expect(made.config).toMatchObject({ name: 'pulses-source', subjects: [SOURCE], storage: StorageType.File });
    expect(incarnationOf(await provideSource(manager, SOURCE))).toBe(incarnationOf(made));
  });

  it('is another one for another source, also when both begin at once', async () => {
    const sources = ['a.pulses', 'b.pulses', 'c.pulses'];
    const made = await Promise.all(sources.map((source) => provideSource(manager, source)));
    expect(made.map(({ config }) => config.subjects)).toEqual(sources.map((source) => [source]));
    expect(new Set(made.map(incarnationOf)).size).toBe(3);
  });

  it('may be made by others, under any name', async () => {
    await add({ name: 'theirs', subjects: [SOURCE], max_age: 3_600_000_000_000 });
    expect((await provideSource(manager, SOURCE)).config.name).toBe('theirs');
  });

  it('has other ids when it was deleted and made again', async () => {
    const before = incarnationOf(await provideSource(manager, SOURCE));
    await manager.streams.delete('pulses-source');
    expect(incarnationOf(await provideSource(manager, SOURCE))).not.toBe(before);
  });

  it.each([
    [{ storage: StorageType.Memory }, /--source-topic: the stream s .*in memory.*'nats stream edit s --storage=file'/],
    [{ retention: RetentionPolicy.Workqueue }, /retention is workqueue/],
    [{ max_msgs_per_subject: 5 }, /--max-msgs-per-subject=-1/],
    [{ no_ack: true }, /acknowledges nothing/],
    [{ subjects: [SOURCE, 'other'] }, /its subjects are source\.pulses, other/],
    [{ subjects: ['source.>'] }, /its subjects are source\.>/],
  ])('is refused with %j', async (config, pattern) => {
    await add({ name: 's', subjects: [SOURCE], ...config });
    await expect(provideSource(manager, SOURCE)).rejects.toMatchObject(unsuitable(pattern));
  });
});

describe('the stream of outputs', () => {
  it('is made with what commits need, and refuses new messages when it is full', async () => {
    const { config } = await outputs();
    expect(config).toMatchObject({
      name: 'pulses-ingestor',
      subjects: SUBJECTS.all,
      allow_atomic: true,
      allow_rollup_hdrs: true,
      discard: DiscardPolicy.New,
      storage: StorageType.File,
    });
  });

  it('gets the subjects of further sources, also when all begin at once', async () => {
    const all = ['a', 'b', 'c', 'd'].map((source) => groupSubjects(GROUP, source));
    await Promise.all(all.map((subjects) => provideOutputs(manager, subjects, GROUP)));
    for (const subjects of all) await provideOutputs(manager, subjects, GROUP);
    const { config } = await manager.streams.info('pulses-ingestor');
    expect(new Set(config.subjects)).toEqual(new Set(all.flatMap((subjects) => subjects.all)));
  });

  it('belongs to one group', async () => {
    await outputs();
    const other = groupSubjects('other', SOURCE);
    await expect(provideOutputs(manager, other, 'other')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/--group: 'other' is not valid: the stream pulses-ingestor holds/) as unknown,
    });
  });

  it.each([
    [{ max_age: 60_000_000_000 }, /--group: the stream pulses-ingestor .*--max-age=-1/],
    [{ max_bytes: 1_000_000, discard: DiscardPolicy.Old }, /--discard=new/],
    [{ allow_atomic: false }, /--allow-batch/],
    [{ allow_rollup_hdrs: false }, /--allow-rollup/],
    [{ storage: StorageType.Memory }, /in memory/],
  ])('is refused with %j', async (config, pattern) => {
    await add({
      name: 'pulses-ingestor',
      subjects: [...SUBJECTS.all],
      allow_atomic: true,
      allow_rollup_hdrs: true,
      discard: DiscardPolicy.New,
      ...config,
    });
    await expect(outputs()).rejects.toMatchObject(unsuitable(pattern));
  });
});
