// Publishes dead letters to their source again, each at most once.
//
// Guarantees: letters are published and marked in one atomic commit, so a letter is published exactly when it is marked,
// whatever is killed. Marked letters are skipped. Of several processes one works and the others wait; one that was paused
// and overtaken is fenced (FENCED).
// Bounds: `COMMIT_BYTES_MAX` and one more message.

import { MESSAGE_BYTES_MAX } from '@pulses/broker-wire';
import {
  tenantKeyOf,
  type MarkedPublisher,
  type PartitionInfo,
  type TopicAdmin,
  type TopicReader,
} from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { findLetters, readLetters, type Letter, type LetterSelection } from './letters';
import { createRedrivenMarks, fitOneCommit, type RedrivenMarks } from './redriven-marks';

const GROUP = 'redrive';
const COMMIT_BYTES_MAX = 1024 * 1024;
const COMMIT_LETTERS_MAX = 4096;
const LINE_FEED = Buffer.from('\n');
const NO_MESSAGES = new Uint8Array(0);

export interface RedriveOptions {
  readonly topics: TopicAdmin;
  readonly selection: LetterSelection;
  /** Messages to publish in place of the letters chosen, one for each. */
  readonly replacements?: readonly Uint8Array[] | undefined;
  /** Called once this process is the active one, and after each commit. */
  onProgress(counts: RedriveCounts): void;
}

export interface RedriveCounts {
  /** Letters chosen so far. */
  selected: number;
  redriven: number;
  /** Of them, those that were redriven before. */
  redrivenBefore: number;
}

/** Whether positions of the group on the topic are marks of redriven letters. */
export function holdsMarks(
  topics: Pick<TopicReader, 'groupOf'>,
  { group, topic }: { readonly group: string; readonly topic: string },
): boolean {
  return group === topics.groupOf(GROUP, topic);
}

/** Which letters of a partition were redriven. @throws PulsesError PROTOCOL_VIOLATION */
export async function readRedrivenMarks(topics: TopicReader, letters: PartitionInfo): Promise<RedrivenMarks> {
  const group = topics.groupOf(GROUP, letters.topic);
  const positions = await topics.positions(letters.topic);
  return createRedrivenMarks(
    positions.filter((stored) => stored.group === group && stored.incarnation === letters.incarnation),
  );
}

/** @throws PulsesError CONFIG_INVALID when there are not as many replacements as letters, TOPIC_UNKNOWN, FENCED, the connection's */
export async function redrive(options: RedriveOptions): Promise<RedriveCounts> {
  const { topics, selection, replacements } = options;
  const counts: RedriveCounts = { selected: 0, redriven: 0, redrivenBefore: 0 };
  const partitions = await findLetters(topics, selection);
  if (replacements !== undefined) await checkCount(topics, partitions, selection, replacements.length);
  for (const letters of partitions) await redrivePartition(options, letters, counts);
  return counts;
}

async function redrivePartition(options: RedriveOptions, letters: PartitionInfo, counts: RedriveCounts): Promise<void> {
  const { topics, selection, onProgress } = options;
  const publisher = await topics.openMarkedPublisher({
    group: topics.groupOf(GROUP, letters.topic),
    marked: letters,
    topic: selection.sourceTopic,
    keyOf: tenantKeyOf(),
  });
  try {
    onProgress(counts);
    const publish = publisherOf(options, publisher, counts);
    for await (const some of readLetters(topics, letters, selection))
      for (const letter of some) await publish.add(letter);
    await publish.flush();
    await publish.raiseMarks();
  } catch (error) {
    await publisher.close().catch(() => undefined);
    throw error;
  }
  await publisher.close();
}

function publisherOf({ replacements, onProgress }: RedriveOptions, publisher: MarkedPublisher, counts: RedriveCounts) {
  const marks = createRedrivenMarks(publisher.positions);
  let offsets: number[] = [];
  let messages: Uint8Array[] = [];
  let bytes = 0;

  const flush = async (): Promise<void> => {
    if (offsets.length === 0) return;
    const positions = marks.changes(offsets);
    const payload = Buffer.concat(messages.flatMap((message) => [message, LINE_FEED]));
    await publisher.publish(payload, offsets.length, positions);
    marks.stored(positions);
    counts.redriven += offsets.length;
    [offsets, messages, bytes] = [[], [], 0];
    onProgress(counts);
  };

  return {
    flush,
    async raiseMarks(): Promise<void> {
      for (let positions = marks.raises(); positions.length > 0; positions = marks.raises()) {
        await publisher.publish(NO_MESSAGES, 0, positions);
        marks.stored(positions);
      }
    },
    async add(letter: Letter): Promise<void> {
      const message = replacements?.[counts.selected] ?? letter.raw;
      counts.selected += 1;
      if (marks.has(letter.offset)) {
        counts.redrivenBefore += 1;
        return;
      }
      checkMessage(message, letter.offset);
      const isFull = bytes + message.length > COMMIT_BYTES_MAX || offsets.length === COMMIT_LETTERS_MAX;
      if (isFull || !fitOneCommit(offsets[0] ?? letter.offset, letter.offset)) await flush();
      offsets.push(letter.offset);
      messages.push(message);
      bytes += message.length;
    },
  };
}

/** A forged letter could hold something that is no message. */
function checkMessage(message: Uint8Array, offset: number): void {
  if (message.length === 0 || message.length > MESSAGE_BYTES_MAX || message.includes(LINE_FEED[0] as number))
    throw new PulsesError('OUTPUT_INVALID', `the dead letter at offset ${offset} holds no valid message`);
}

async function checkCount(
  topics: TopicReader,
  partitions: readonly PartitionInfo[],
  selection: LetterSelection,
  given: number,
): Promise<void> {
  let selected = 0;
  for (const letters of partitions)
    for await (const some of readLetters(topics, letters, selection)) selected += some.length;
  if (selected !== given)
    throw new PulsesError(
      'CONFIG_INVALID',
      `--replace-with: the file has ${given} lines, and ${selected} dead letters are chosen; give one line for each, in their order`,
    );
}
