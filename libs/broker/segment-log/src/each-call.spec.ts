// A script in which segments are filled, sealed, retired, used again and written again, ended at each of its calls.

import { describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { createSimFileSystem, createSimRandom, type SimFileSystem } from '@pulses/testing-sim';
import type { JournalMode, OpenSegmentLogOptions } from './options';
import { publish, readMessages } from './testing/log-fixture';
import { kindOfSmall, SMALL_OPTIONS, text } from './testing/small-log';
import { Violation } from './testing/torture-checks';
import { violationsOf } from './testing/torture-lives';
import { DIRECTORY, machineOn, openOn, settled } from './testing/torture-run';
import { sizes } from './testing/torture-sizes';

const TOPICS = ['a', 'out', 'out-gone'];
const MESSAGES = 90;
const DELETED_AT = 60;
const SEED = 1;

const optionsOf = (journalMode: JournalMode): Partial<OpenSegmentLogOptions> => ({
  options: { ...SMALL_OPTIONS, journalMode },
  kindOf: kindOfSmall,
  retention: () => undefined,
});

/** Messages that were acknowledged, by topic. */
type Acknowledged = ReadonlyMap<string, readonly string[]>;

/** Runs the script until it ends or the power goes. */
async function live(disk: SimFileSystem, journalMode: JournalMode): Promise<Acknowledged> {
  const on = machineOn(disk, createSimRandom(SEED), undefined, journalMode);
  const acknowledged = new Map<string, string[]>(TOPICS.map((topic) => [topic, []]));
  const log = await openOn(on, optionsOf(journalMode));
  for (let index = 0; log !== undefined && index < MESSAGES; index += 1) {
    const isDeletion = index === DELETED_AT;
    const topic = TOPICS[index < DELETED_AT ? index % 3 : index % 2]!; // three
    const call: Promise<unknown> = isDeletion ? log.deleteTopics(['out-gone']) : publish(log, topic, [text(index)]);
    if (isDeletion) acknowledged.delete('out-gone');
    if ((await settled(on, call)) === undefined) return acknowledged;
    if (!isDeletion) acknowledged.get(topic)?.push(text(index));
    if (index % 10 === 0) await on.clock.advance(60);
  }
  return acknowledged;
}

/** @throws Violation unless the log has what was acknowledged, and at most the message after it */
async function check(disk: SimFileSystem, acknowledged: Acknowledged, journalMode: JournalMode): Promise<void> {
  const on = machineOn(disk, createSimRandom(SEED), undefined, journalMode);
  const log = await openOn(on, optionsOf(journalMode));
  if (log === undefined) throw new Violation('the log does not open');
  let more = 0;
  for (const [topic, expected] of acknowledged) {
    const found = await readMessages(log, topic);
    more += found.length - expected.length;
    if (expected.some((message, index) => found[index] !== message)) {
      throw new Violation(`${topic} has ${found.length} messages, not these ${expected.length}`);
    }
  }
  if (more > 1) throw new Violation(`${more} messages that were not sent`);
  await settled(on, log.close());
}

/** The directory without its newest checkpoint; undefined when that is the only one. */
function withoutNewest(disk: SimFileSystem): SimFileSystem | undefined {
  const names = disk
    .files()
    .filter((path) => path.startsWith(`${DIRECTORY}/checkpoints/`) && path.endsWith('.checkpoint'));
  const newest = names.sort().at(-1);
  if (newest === undefined || names.length < 2) return undefined;
  const copy = disk.fork();
  copy.replaceBytes(newest, copy.bytesOf(newest).fill(0, 30, 60));
  return copy;
}

describe(`from a full segment to one that is used again (${SCALE.note})`, () => {
  it.each<JournalMode>(['append', 'recycled'])(
    'an end at any call loses nothing, also without the newest checkpoint (%s)',
    async (journalMode) => {
      const whole = createSimFileSystem({ seed: SEED });
      const all = await live(whole, journalMode);
      await check(whole.fork(), all, journalMode);
      const calls = Array.from({ length: whole.trace.length }, (_, call) => call + 1);
      let withoutCount = 0;
      const found = await violationsOf(SCALE.everyNth(calls, sizes.cutStepOfSeals), async (call) => {
        const disk = createSimFileSystem({ seed: call });
        disk.cutPowerAt(call);
        const acknowledged = await live(disk, journalMode);
        // A process that is killed, and a machine without power.
        await check(disk.fork(), acknowledged, journalMode);
        await check(disk.afterPowerCut(call), acknowledged, journalMode);
        const older = withoutNewest(disk);
        if (older === undefined) return;
        withoutCount += 1;
        await check(older, acknowledged, journalMode);
      });
      expect(found).toEqual([]);
      expect(withoutCount).toBeGreaterThan(0);
    },
    sizes.timeoutMs,
  );
});
