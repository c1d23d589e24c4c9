// Publishes dead letters to their source again, each at most once.
//
// Guarantees: letters are published and marked in one atomic commit, so a letter is published exactly when it is marked,
// whatever is killed. Marked letters are skipped. Of several processes one works and the others wait; one that was paused
// and overtaken is fenced (FENCED).
// Bounds: `COMMIT_BYTES_MAX` and one more message.

import { brokerGroupOf, type BrokerClient } from '@pulses/broker-client';
import { columnsOf, MESSAGE_BYTES_MAX, type TopicInfo } from '@pulses/broker-wire';
import { PulsesError } from '@pulses/shared-errors';
import type { Clock, Timer } from '@pulses/shared-ports';
import { findLetters, readLetters, type Letter, type LetterSelection } from './letters';
import { createRedrivenMarks, fitOneCommit, type RedrivenMarks } from './redriven-marks';

const GROUP = 'redrive';
const LEASE_MS = 10_000;
const HEARTBEATS_A_LEASE = 4;
const COMMIT_BYTES_MAX = 1024 * 1024;
const COMMIT_LETTERS_MAX = 4096;
const LINE_FEED = Buffer.from('\n');

export interface RedriveOptions {
  readonly client: BrokerClient;
  readonly clock: Clock;
  readonly member: string;
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
export function holdsMarks(group: string, topic: string): boolean {
  return group === brokerGroupOf(GROUP, topic);
}

/** Which letters of a source were redriven. @throws PulsesError PROTOCOL_VIOLATION */
export async function readRedrivenMarks(
  client: Pick<BrokerClient, 'readPositions'>,
  letters: TopicInfo,
): Promise<RedrivenMarks> {
  const positions = await client.readPositions(brokerGroupOf(GROUP, letters.topic), letters.topic);
  return createRedrivenMarks(positions.filter(({ incarnation }) => incarnation === letters.incarnation));
}

/** @throws PulsesError CONFIG_INVALID when there are not as many replacements as letters, TOPIC_UNKNOWN, FENCED, the connection's */
export async function redrive(options: RedriveOptions): Promise<RedriveCounts> {
  const { client, clock, member, selection, replacements } = options;
  const counts: RedriveCounts = { selected: 0, redriven: 0, redrivenBefore: 0 };
  const letters = await findLetters(client, selection.sourceTopic);
  if (replacements !== undefined) await checkCount(client, letters, selection, replacements.length);
  if (letters === undefined) return counts;

  const group = brokerGroupOf(GROUP, letters.topic);
  // As publisher: the marks of a group that was deleted come with the outputs.
  const groupEpoch = await client.joinAsPublisher(group, member, LEASE_MS, letters.topic);
  let heartbeat: Timer | undefined;
  // A lost lease shows at the next commit.
  const beat = () => {
    heartbeat = clock.setTimer(LEASE_MS / HEARTBEATS_A_LEASE, () => {
      client.heartbeat(group, groupEpoch).then(beat, () => undefined);
    });
  };
  beat();
  try {
    options.onProgress(counts);
    const publish = publisherOf(
      options,
      letters,
      await readRedrivenMarks(client, letters),
      { group, groupEpoch },
      counts,
    );
    for await (const some of readLetters(client, letters, selection))
      for (const letter of some) await publish.add(letter);
    await publish.flush();
    await publish.raiseMarks();
    await client.leaveGroup(group, groupEpoch);
  } finally {
    heartbeat?.cancel();
  }
  return counts;
}

function publisherOf(
  { client, selection, replacements, onProgress }: RedriveOptions,
  { topic, incarnation }: TopicInfo,
  marks: RedrivenMarks,
  membership: { readonly group: string; readonly groupEpoch: number },
  counts: RedriveCounts,
) {
  let offsets: number[] = [];
  let messages: Uint8Array[] = [];
  let bytes = 0;

  const flush = async (): Promise<void> => {
    if (offsets.length === 0) return;
    const positions = marks.changes(offsets);
    const payload = Buffer.concat(messages.flatMap((message) => [message, LINE_FEED]));
    const appends = [{ topic: selection.sourceTopic, recordCount: offsets.length, payload }];
    await client.commit({ ...membership, topic, incarnation, positions, ...columnsOf(appends) });
    marks.stored(positions);
    counts.redriven += offsets.length;
    [offsets, messages, bytes] = [[], [], 0];
    onProgress(counts);
  };

  return {
    flush,
    async raiseMarks(): Promise<void> {
      for (let positions = marks.raises(); positions.length > 0; positions = marks.raises()) {
        await client.commit({ ...membership, topic, incarnation, positions, ...columnsOf([]) });
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
  client: BrokerClient,
  letters: TopicInfo | undefined,
  selection: LetterSelection,
  given: number,
): Promise<void> {
  let selected = 0;
  if (letters !== undefined) for await (const some of readLetters(client, letters, selection)) selected += some.length;
  if (selected !== given)
    throw new PulsesError(
      'CONFIG_INVALID',
      `--replace-with: the file has ${given} lines, and ${selected} dead letters are chosen; give one line for each, in their order`,
    );
}
