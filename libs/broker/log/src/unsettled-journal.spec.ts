// Damage to frames between a checkpoint's M and D, which a start only skims: the broker may serve for a moment, and ends
// then; the topics' files, which may be all that is left of a message, stay as they are until the frames are known to be
// right.

import { describe, expect, it } from '@jest/globals';
import { isPulsesError } from '@pulses/shared-errors';
import { SCALE } from '@pulses/testing-scale';
import { createSimFileSystem, createSimRandom, type SimFileSystem } from '@pulses/testing-sim';
import type { BrokerLog } from '@pulses/broker-log-api';
import { decodeCheckpoint, type Checkpoint } from './checkpoint-codec';
import { FRAME_HEADER_BYTES, readHeader } from './frame';
import { SEGMENT_HEADER_BYTES, seedOf } from './journal-segment';
import type { BrokerLogOptions } from './options';
import { repairDataDirectory } from './repair';
import { publish, readMessages } from './testing/log-fixture';
import { damaged, flipBit, segmentsOf } from './testing/torture-damage';
import { DIRECTORY, machineOn, openOn, settled, type Machine } from './testing/torture-run';
import { sizes } from './testing/torture-sizes';

const OPTIONS: Partial<BrokerLogOptions> = {
  segmentBytesMax: 500,
  checkpointBytes: 2_000,
  materialiseDelayMs: 10,
  entriesHeldMax: 1,
  tailBytesMax: 0,
  passBytesMax: 100,
};
interface Unsettled {
  readonly disk: SimFileSystem;
  readonly checkpoint: Checkpoint;
  readonly messages: ReadonlyMap<string, readonly string[]>;
  /** Where the frames behind M and up to D lie. */
  readonly frames: readonly { readonly path: string; readonly from: number; readonly to: number }[];
}

const machine = (disk: SimFileSystem): Machine => machineOn(disk, createSimRandom(1), 1_700_000_000_000);

async function opened(on: Machine): Promise<BrokerLog> {
  const log = await openOn(on, { options: OPTIONS, retention: () => undefined });
  if (log === undefined) throw new Error('the power is on');
  return log;
}

/** A log that was stopped with much of its journal in front of D and behind M: messages, deletions, several topics. */
async function unsettled(): Promise<Unsettled> {
  const on = machine(createSimFileSystem({ seed: 1, pageBytes: 512 }));
  const log = await opened(on);
  const messages = new Map<string, string[]>();
  const fill = async (topic: string, count: number): Promise<void> => {
    const known = messages.get(topic) ?? [];
    messages.set(topic, known);
    for (let index = 0; index < count; index += 1) {
      known.push(`${topic}:${known.length}:${'x'.repeat(60)}`);
      await publish(log, topic, known.slice(-1));
    }
  };
  let newest: Checkpoint | undefined;
  for (let round = 0; newest === undefined || newest.state.lsn < newest.materialisedLsn + 12; round += 1) {
    if (round === 200) throw new Error('no checkpoint leaves its files behind');
    await fill('a', 3);
    await fill('b', 2);
    await fill('short-lived', 1);
    await log.deleteTopics(['short-lived']);
    await on.clock.advance(50);
    newest = newestCheckpoint(on.fileSystem);
  }
  messages.delete('short-lived');
  await settled(on, log.close());
  const disk = on.fileSystem.fork();
  return { disk, checkpoint: newest, messages, frames: framesOf(disk, newest) };
}

function newestCheckpoint(disk: SimFileSystem): Checkpoint | undefined {
  const path = disk
    .files()
    .filter((file) => file.endsWith('.checkpoint'))
    .sort()
    .at(-1);
  return path === undefined ? undefined : decodeCheckpoint(disk.bytesOf(path));
}

function framesOf(disk: SimFileSystem, { logId, materialisedLsn, state }: Checkpoint): Unsettled['frames'] {
  return segmentsOf(disk).flatMap((path) => {
    const bytes = disk.bytesOf(path);
    const found: { path: string; from: number; to: number }[] = [];
    for (let at = SEGMENT_HEADER_BYTES; at + FRAME_HEADER_BYTES <= bytes.length;) {
      const header = readHeader(bytes, at, seedOf(logId))!; // nothing is damaged yet
      const to = at + header.frameLength;
      if (header.lsn > materialisedLsn && header.lsn <= state.lsn) found.push({ path, from: at, to });
      at = to;
    }
    return found;
  });
}

function topicFiles(disk: SimFileSystem): Map<string, string> {
  const paths = disk.files().filter((path) => path.startsWith(`${DIRECTORY}/topics/`));
  return new Map(paths.map((path) => [path, Buffer.from(disk.bytesOf(path)).toString('latin1')]));
}

/** How the log ends on that disk: on opening, or a moment later. */
async function endOf(on: Machine): Promise<unknown> {
  let log: BrokerLog | undefined;
  try {
    log = await opened(on);
  } catch (error) {
    return error;
  }
  let failure: unknown;
  void log.failed.then((error) => (failure = error));
  await on.clock.advance(1_000);
  await settled(
    on,
    log.close().catch(() => undefined),
  );
  return failure;
}

describe(`a flipped bit of a frame that a start only skims (${SCALE.note})`, () => {
  it('ends the broker before it changes a file, and a repair keeps every message that the files have', async () => {
    const { disk, messages, frames } = await unsettled();
    expect(frames.length).toBeGreaterThanOrEqual(12);
    const files = topicFiles(disk);
    const stored = [...files.values()].join('');
    const step = sizes.skimmedFlipStep;
    let count = 0;
    for (const { path, from, to } of frames)
      for (let bit = from * 8 + ((SCALE.seed + count) % step); bit < to * 8; bit += step) {
        const harmed = damaged(disk, path, (bytes) => flipBit(bytes, bit));
        const what = `bit ${bit} of ${path}`;
        const end = await endOf(machine(harmed));
        expect({ what, isReported: isPulsesError(end, 'JOURNAL_CORRUPT'), files: topicFiles(harmed) }).toEqual({
          what,
          isReported: true,
          files,
        });
        count += 1;
        if (count % 40 !== 1) continue;
        const { lost } = await repairDataDirectory({ fileSystem: harmed, from: DIRECTORY, to: '/repaired' });
        for (const { topic, fromOffset, toOffset } of lost)
          for (const message of messages.get(topic)?.slice(fromOffset, toOffset) ?? [])
            expect([what, stored.includes(message)]).toEqual([what, false]);
      }
    expect(count).toBeGreaterThan(100);
  });

  it('is not there: the messages are carried into the files, and served all the time', async () => {
    const { disk, messages } = await unsettled();
    const on = machine(disk);
    const log = await opened(on);
    for (const [topic, expected] of messages) expect(await readMessages(log, topic)).toEqual(expected);
    await on.clock.advance(1_000);
    for (const [topic, expected] of messages) expect(await readMessages(log, topic)).toEqual(expected);
    await settled(on, log.close());
    const lines = [...topicFiles(disk)].filter(([path]) => path.endsWith('.ndjson')).map(([, text]) => text);
    expect(lines.join('').split('\n').filter(Boolean).sort()).toEqual([...messages.values()].flat().sort());
  });
});
