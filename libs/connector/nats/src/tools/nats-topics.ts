// One connection to NATS, as the tools' reader and administrator.

import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type {
  GroupInfo,
  GroupPosition,
  MarkedPublisher,
  OutputBatch,
  OutputInfo,
  Partition,
  PartitionInfo,
  PositionName,
  ReadRange,
  StoredBatch,
  TopicAdmin,
} from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { deadLetterTopic } from '@pulses/shared-pulse-model';
import type { Clock } from '@pulses/shared-ports';
import type { NatsConnection } from '@nats-io/transport-node';
import { becomeActive } from '../membership';
import { natsFailure } from '../nats-failure';
import { groupSubjects } from '../names';
import type { OutputLog } from '../output-log';
import { readLimits } from '../server-limits';
import { SourceReader } from '../source/source-reader';
import { OUTPUT_OFFSETS } from './line-offsets';
import { checkRange, readLines } from './read-lines';
import { readOutputLines } from './read-outputs';
import { groupRecords, groupsIn, positionsIn } from './stored-positions';
import { findStream, findTopic, pulsesStreams, sharedOutputs, topicsOf } from './topic-streams';

const LEASE_MS = 5_000;
const REQUEST_MS_MAX = 5_000;

export class NatsTopics implements TopicAdmin {
  readonly #connection: NatsConnection;
  readonly #manager: JetStreamManager;
  readonly #clock: Clock;
  readonly #member: string;

  private constructor(connection: NatsConnection, manager: JetStreamManager, clock: Clock, member: string) {
    this.#connection = connection;
    this.#manager = manager;
    this.#clock = clock;
    this.#member = member;
  }

  static async open(connection: NatsConnection, clock: Clock, member: string): Promise<NatsTopics> {
    return new NatsTopics(connection, await jetstreamManager(connection, { timeout: REQUEST_MS_MAX }), clock, member);
  }

  topics(prefix: string): Promise<PartitionInfo[]> {
    return this.#asked('the topics', async () => {
      const all = (await pulsesStreams(this.#manager, '>')).flatMap(topicsOf).map(({ info }) => info);
      const wanted = all.filter(({ topic }) => topic.startsWith(prefix));
      return wanted.sort((one, other) => (one.topic < other.topic ? -1 : 1));
    });
  }

  outputs(): Promise<OutputInfo[]> {
    return this.#asked('the outputs', async () =>
      (await pulsesStreams(this.#manager, 'tenants.>')).flatMap(sharedOutputs),
    );
  }

  async *readOutputs(partitions: readonly PartitionInfo[]): AsyncGenerator<readonly OutputBatch[], void> {
    for (const info of partitions) {
      const found = await this.#asked(info.topic, () => findStream(this.#manager, info));
      if (found === undefined)
        throw new PulsesError('TOPIC_UNKNOWN', `there is no topic '${info.topic}' of that incarnation`);
      const range = { fromOffset: info.startOffset, untilOffset: info.nextOffset };
      yield* readOutputLines(info, range, (onChange) =>
        this.#readerOf(found, info.topic, OUTPUT_OFFSETS.toSequence(info.startOffset), onChange),
      );
    }
  }

  partitions(topic: string): Promise<PartitionInfo[]> {
    return this.#asked(topic, async () => {
      const found = await findTopic(this.#manager, topic);
      return found === undefined ? [] : [found.info];
    });
  }

  async *read({ topic, incarnation }: Partition, range: ReadRange): AsyncGenerator<readonly StoredBatch[], void> {
    const found = await this.#asked(topic, () => findTopic(this.#manager, topic));
    if (found === undefined || (incarnation !== '' && found.info.incarnation !== incarnation))
      throw new PulsesError('TOPIC_UNKNOWN', `there is no topic '${topic}' of that incarnation`);
    checkRange(topic, found.info.startOffset, range.fromOffset);
    yield* readLines(found.scale, range, (onChange) =>
      this.#readerOf(found.stream, topic, found.scale.toSequence(range.fromOffset), onChange),
    );
  }

  positions(topic: string): Promise<readonly GroupPosition[]> {
    return this.#asked('the positions', async () => {
      const positions = (await groupRecords(this.#manager)).flatMap(positionsIn);
      return topic === '' ? positions : positions.filter((position) => position.topic === topic);
    });
  }

  groups(): Promise<readonly GroupInfo[]> {
    return this.#asked('the groups', async () => groupsIn(await groupRecords(this.#manager)));
  }

  groupOf(group: string): string {
    return group;
  }

  movePosition(position: PositionName, offset: number): Promise<GroupPosition | undefined> {
    return this.#changePosition(position, async (log) => {
      await this.#checkOffset(position.topic, offset);
      const moved = new Map([[position.name, { offset, metadata: '' }]]);
      await log.commit([], moved, log.record.clock);
    });
  }

  deletePosition(position: PositionName): Promise<GroupPosition | undefined> {
    return this.#changePosition(position, async (log) => {
      const { [position.name]: _, ...positions } = log.record.positions;
      await log.renew({ positions });
    });
  }

  async deleteGroup(group: string): Promise<boolean> {
    const own = (await groupRecords(this.#manager)).filter((record) => record.group === group);
    const [first] = own;
    if (first === undefined) return false;
    for (const { source } of own) await (await this.#joined(group, source)).renew({ member: '' });
    return await this.#asked(group, () => this.#manager.streams.delete(first.stream));
  }

  /** The source and its dead letters are in two streams, which no batch spans. */
  openMarkedPublisher(): Promise<MarkedPublisher> {
    const message =
      "--connector: 'nats' is not valid: no batch spans the source and the marks of letters; allowed: fs, kafka, or 'pulses produce'";
    return Promise.reject(new PulsesError('CONFIG_INVALID', message));
  }

  deleteTopics(sourceTopic: string): Promise<void> {
    return this.#asked(sourceTopic, async () => {
      // Outputs first: an ingestor that runs makes them again only with another source.
      for (const topic of [deadLetterTopic(sourceTopic), sourceTopic])
        for (const name of await this.#manager.streams.names(topic).next()) await this.#manager.streams.delete(name);
    });
  }

  close(): void {
    void this.#connection.close();
  }

  #readerOf(stream: string, subject: string, fromSequence: number, onChange: () => void): SourceReader {
    const [connection, manager, clock] = [this.#connection, this.#manager, this.#clock];
    return new SourceReader({
      connection,
      manager,
      clock,
      stream,
      fromSequence,
      subject,
      onChange,
    });
  }

  async #changePosition(
    { group, topic, name }: PositionName,
    change: (log: OutputLog) => Promise<void>,
  ): Promise<GroupPosition | undefined> {
    const before = (await this.positions(topic)).find((stored) => stored.group === group && stored.name === name);
    if (before === undefined) return undefined;
    const log = await this.#joined(group, topic);
    const stored = log.record.positions[name];
    try {
      if (stored !== undefined) await change(log);
    } finally {
      await log.renew({ member: '' }).catch(() => undefined);
    }
    return stored === undefined ? undefined : { ...before, ...stored };
  }

  /** Becomes the group's active member. @throws PulsesError GROUP_ACTIVE when there is one */
  async #joined(group: string, source: string): Promise<OutputLog> {
    const subjects = groupSubjects(group, source);
    const active = new AbortController();
    return await this.#asked(group, async () => {
      const info = await this.#manager.streams.info(subjects.stream);
      const record = (await groupRecords(this.#manager)).find((one) => one.group === group && one.source === source);
      if (record === undefined) throw new PulsesError('TOPIC_UNKNOWN', `the group '${group}' was deleted`);
      return await becomeActive({
        connection: this.#connection,
        manager: this.#manager,
        clock: this.#clock,
        subjects,
        limits: await readLimits(this.#connection, subjects, info.config),
        member: this.#member,
        leaseMs: LEASE_MS,
        signal: active.signal,
        fresh: { source: record.record.source, positions: {}, clock: record.record.clock },
        onStandby: () => {
          active.abort(new PulsesError('GROUP_ACTIVE', `the group '${group}' has an active member`));
        },
      });
    });
  }

  /** @throws PulsesError OFFSET_OUT_OF_RANGE */
  async #checkOffset(topic: string, offset: number): Promise<void> {
    const [info] = await this.partitions(topic);
    if (info !== undefined && offset >= info.startOffset && offset <= info.nextOffset) return;
    throw new PulsesError(
      'OFFSET_OUT_OF_RANGE',
      `${topic} holds the offsets ${info?.startOffset ?? 0} to ${info?.nextOffset ?? 0}, not ${offset}`,
    );
  }

  async #asked<Answer>(what: string, ask: () => Promise<Answer>): Promise<Answer> {
    try {
      return await ask();
    } catch (error) {
      throw natsFailure(error, what);
    }
  }
}
