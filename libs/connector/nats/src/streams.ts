// The two streams: found or made, and checked for what the promises need.
//
// Guarantees: a stream whose settings would lose messages that the ingestor needs is refused, with the command that mends
// it. A stream that exists is changed in one way only: the output stream gets the subjects of a new source.

import {
  DiscardPolicy,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import { PulsesError } from '@pulses/shared-errors';
import { createHash } from 'node:crypto';
import { isStreamMissing, natsFailure, SERVER_ERROR, serverCode } from './nats-failure';
import { otherSourceStream, SOURCE_STREAM, type GroupSubjects } from './names';

const UPDATES_MAX = 10;

/** Finds the source's stream, or makes it. @throws PulsesError LOG_UNSUITABLE when it can't keep the promises */
export async function provideSource(manager: JetStreamManager, source: string): Promise<StreamInfo> {
  for (const name of [SOURCE_STREAM, otherSourceStream(source)]) {
    const found = await streamOf(manager, source);
    if (found !== undefined) return found;
    try {
      return checkedSource(
        await manager.streams.add({ ...SAFE, name, subjects: [source], allow_atomic: true }),
        source,
      );
    } catch (error) {
      const code = serverCode(error);
      // Another member was first, or the name belongs to another source.
      if (code !== SERVER_ERROR.streamNameTaken && code !== SERVER_ERROR.subjectsOverlap) throw error;
    }
  }
  const found = await streamOf(manager, source);
  if (found !== undefined) return found;
  throw new PulsesError(
    'CONFIG_INVALID',
    `--source-topic: '${source}' is not valid: other streams hold subjects that overlap with it`,
  );
}

/** What the ids of outputs are made of: another one when the stream is deleted and made again. */
export function incarnationOf({ config: { name }, created }: StreamInfo): string {
  return createHash('sha256').update(`${name}\0${created}`).digest('hex').slice(0, 32);
}

/** First offset that is kept. Sequences begin with 1: a stream that has dropped nothing begins with the offset 0. */
export function startOffsetOf(firstSequence: number): number {
  return firstSequence <= 1 ? 0 : firstSequence;
}

/**
 * Finds the group's output stream, or makes it.
 * @param known when the stream was made that this process has worked with
 * @throws PulsesError LOG_UNSUITABLE when it can't keep the promises, TOPIC_UNKNOWN when the known one was deleted
 */
export async function provideOutputs(
  manager: JetStreamManager,
  subjects: GroupSubjects,
  group: string,
  known?: string,
): Promise<StreamInfo> {
  const { stream: name, all } = subjects;
  try {
    for (let updates = 0; updates < UPDATES_MAX; updates += 1) {
      const info = await manager.streams.info(name).catch((error: unknown) => {
        if (isStreamMissing(error)) return undefined;
        throw error;
      });
      if (known !== undefined && info?.created !== known && !(await hasPosition(manager, subjects, info)))
        throw new PulsesError(
          'TOPIC_UNKNOWN',
          `the stream ${name} was deleted, and the positions with it: restore it, or start the ingestor again, ` +
            'which then stores every output again',
        );
      if (info === undefined) {
        await createOutputs(manager, name, all);
        continue;
      }
      checkOutputs(info.config);
      const missing = all.filter((subject) => !info.config.subjects.includes(subject));
      if (missing.length === 0) return info;
      // Sources that begin together may overwrite each other's change: look again.
      await manager.streams.update(name, { subjects: [...info.config.subjects, ...missing] });
    }
  } catch (error) {
    if (serverCode(error) === SERVER_ERROR.subjectsOverlap) throw await ownedOutputs(manager, subjects, group, error);
    throw error;
  }
  throw new PulsesError('CONNECTION_LOST', `the subjects of the stream ${name} keep changing`);
}

/** Whether a member has begun to work with a stream. */
async function hasPosition(
  manager: JetStreamManager,
  { stream, position }: GroupSubjects,
  info: StreamInfo | undefined,
): Promise<boolean> {
  return info !== undefined && (await manager.streams.getMessage(stream, { last_by_subj: position })) !== null;
}

async function createOutputs(manager: JetStreamManager, name: string, subjects: readonly string[]): Promise<void> {
  try {
    await manager.streams.add({
      ...SAFE,
      name,
      subjects: [...subjects],
      allow_atomic: true,
      allow_rollup_hdrs: true,
      discard: DiscardPolicy.New,
    });
  } catch (error) {
    // Another source of the group was first.
    if (serverCode(error) !== SERVER_ERROR.streamNameTaken) throw error;
  }
}

const SAFE = { storage: StorageType.File, retention: RetentionPolicy.Limits } as const;

async function streamOf(manager: JetStreamManager, subject: string): Promise<StreamInfo | undefined> {
  const names = await manager.streams.names(subject).next();
  const [name] = names;
  return name === undefined ? undefined : checkedSource(await manager.streams.info(name), subject);
}

function checkedSource(info: StreamInfo, source: string): StreamInfo {
  const { config } = info;
  const refuse = refusal('source-topic', config.name);
  checkLog(config, refuse);
  if (config.subjects.length !== 1 || config.subjects[0] !== source)
    throw refuse(`its subjects are ${config.subjects.join(', ')}`, `--subjects='${source}'`);
  return info;
}

function checkOutputs(config: StreamConfig): void {
  const refuse = refusal('group', config.name);
  checkLog(config, refuse);
  // The position is a message of the stream, and must not expire.
  if (config.max_age > 0) throw refuse('messages expire, and so would the position', '--max-age=-1');
  const isBounded = config.max_msgs > 0 || config.max_bytes > 0;
  if (isBounded && config.discard !== DiscardPolicy.New)
    throw refuse('a full stream would drop old messages, and so the position', '--discard=new');
  if (config.allow_atomic !== true) throw refuse('atomic batches are not allowed', '--allow-batch');
  if (config.allow_rollup_hdrs !== true) throw refuse('roll-ups are not allowed', '--allow-rollup');
}

type Refuse = (reason: string, remedy: string) => PulsesError;

function checkLog(config: StreamConfig, refuse: Refuse): void {
  if (config.mirror !== undefined) throw refuse('it is a mirror', '--no-mirror');
  if (config.storage !== StorageType.File) throw refuse('it is kept in memory', '--storage=file');
  if (config.retention !== RetentionPolicy.Limits)
    throw refuse(`its retention is ${config.retention}`, '--retention=limits');
  if (config.no_ack === true) throw refuse('it acknowledges nothing', '--ack');
  if (config.max_msgs_per_subject > 0)
    throw refuse('it keeps only some messages of a subject', '--max-msgs-per-subject=-1');
  if (config.sealed) throw refuse('it is sealed', '--no-sealed');
  if (config.persist_mode === 'async') throw refuse('it acknowledges before it stores', '--persist-mode=default');
}

const refusal =
  (flag: string, stream: string): Refuse =>
  (reason, remedy) =>
    new PulsesError(
      'LOG_UNSUITABLE',
      `--${flag}: the stream ${stream} can't keep the promises: ${reason}; ` +
        `'nats stream edit ${stream} ${remedy}' mends it, or a new stream where that can't be changed`,
    );

/** Subjects belong to one stream: the server keeps a second group out. */
async function ownedOutputs(
  manager: JetStreamManager,
  { stream, all, deadLetters }: GroupSubjects,
  group: string,
  cause: unknown,
): Promise<PulsesError> {
  const owners = new Set<string>();
  try {
    for (const subject of [deadLetters, ...all])
      for (const name of await manager.streams.names(subject).next()) if (name !== stream) owners.add(name);
  } catch (error) {
    if (!(error instanceof JetStreamApiError)) return natsFailure(error, 'the list of streams');
  }
  const owner = [...owners][0] ?? 'another one';
  return new PulsesError(
    'CONFIG_INVALID',
    `--group: '${group}' is not valid: the stream ${owner} holds the subjects of the outputs; allowed: its group, or ` +
      `another one after 'nats stream rm ${owner}', or in an account of its own`,
    { cause },
  );
}
