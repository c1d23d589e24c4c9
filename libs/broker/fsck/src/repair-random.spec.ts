import { afterEach, describe, expect, it } from '@jest/globals';
import type { BrokerLog } from '@pulses/broker-log-api';
import { SCALE } from '@pulses/testing-scale';
import { createSimRandom, type SimFileSystem } from '@pulses/testing-sim';
import { inspectDataDirectory, repairDataDirectory } from './index';
import {
  BuiltShapes,
  contentOf,
  DIRECTORY,
  flipBit,
  kindOf,
  openOn,
  readMessages,
  seededNumbers,
  SHAPES,
  type Shape,
} from './testing/shapes';
import { sizes } from './testing/sizes';

const TO = '/new';
const shapes = new BuiltShapes();
let open: BrokerLog | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});

/** Does something to a file. @returns what it was */
async function harm(disk: SimFileSystem, below: (end: number) => number): Promise<string> {
  const paths = disk.files().filter((path) => path.startsWith(`${DIRECTORY}/`));
  const path = paths[below(paths.length)]!; // there are some
  const bytes = disk.bytesOf(path).slice();
  const at = below(Math.max(1, bytes.length));
  const kind = below(6);
  if (kind === 0) await disk.remove(path);
  else if (kind === 1) disk.replaceBytes(path, bytes.slice(0, at));
  else if (kind === 2) disk.replaceBytes(path, bytes.fill(below(256), at, at + 300));
  else if (bytes.length > 0) flipBit(disk, path, at, below(8));
  return `${['remove', 'cut', 'overwrite'][kind] ?? 'flip'} ${path} at ${at}`;
}

/** What is not as it was, and was not said to be. */
async function differences(shape: Shape, what: string): Promise<string[]> {
  const { disk, topics } = shape;
  const before = contentOf(disk);
  const mayBeSource = (topic: string): boolean => topic === 'source';
  const places = { random: createSimRandom(1), from: DIRECTORY, to: TO };
  const report = await repairDataDirectory({ fileSystem: disk, ...places, kindOf, mayBeSource });
  const wrong: string[] = [];
  if (JSON.stringify([...contentOf(disk)]) !== JSON.stringify([...before])) wrong.push('the original was changed');
  const after = await inspectDataDirectory({ fileSystem: disk, directory: TO });
  // Positions may point behind what is left.
  for (const { what: of } of after.findings) if (!of.startsWith('position ')) wrong.push(`found: ${of}`);
  const log = await openOn(disk, TO);
  open = log;
  const said = report.lostState.join();
  const isUncertain = said.includes('messages behind lost frames');
  for (const [topic, { startOffset, messages }] of topics) {
    const info = log.topic(topic);
    if (info === undefined) {
      if (said === '') wrong.push(`${topic} is gone`);
      continue;
    }
    const stored = await readMessages(log, topic);
    const lost = report.lost.filter((range) => range.topic === topic);
    const isLost = (offset: number): boolean =>
      lost.some(({ fromOffset, toOffset }) => fromOffset <= offset && offset < toOffset);
    // Lost frames may have trimmed it.
    if (said === '' && info.startOffset !== startOffset) wrong.push(`${topic} starts elsewhere`);
    for (const [index, text] of stored.entries()) {
      const offset = info.startOffset + index;
      const expected = messages[offset - startOffset];
      if (text === expected || (isLost(offset) && text.startsWith('{"lost_message"'))) continue;
      // Behind frames that are lost whole, messages may have moved down; those that were trimmed may be there again.
      if (isUncertain || (offset < startOffset && text.startsWith(`${topic}:${offset}:`))) continue;
      wrong.push(`${topic} holds ${text} at ${offset}, not ${expected}`);
      break;
    }
    // When what attests the end is harmed together with it, what was there is not known.
    const isEndKnown = said === '' && !what.includes('/attested') && !what.includes('/manifest');
    const end = startOffset + messages.length;
    if (isEndKnown && info.nextOffset !== end) wrong.push(`${topic} ends at ${info.nextOffset}, not ${end}`);
  }
  if (said.includes('no checkpoint is valid') || isUncertain) return wrong;
  // Each change of the position came with two messages: neither is there without the other.
  const revision = (await log.positions('g', 'source'))[0]?.revision ?? 0;
  const outputs = log.topic('out.0')?.nextOffset ?? 0;
  if (outputs !== 2 * revision) wrong.push(`${outputs} outputs for ${revision} commits`);
  return wrong;
}

describe(`random damage (${SCALE.note})`, () => {
  it(
    'never makes a repair that keeps a wrong message, or loses one in silence',
    async () => {
      const { seed } = SCALE;
      const below = seededNumbers(seed);
      for (let round = 0; round < sizes.repairs; round += 1) {
        const shape = await shapes.copy(SHAPES[2 + below(SHAPES.length - 2)]!); // in range
        const harms: string[] = [];
        for (let count = below(4); count >= 0; count -= 1) harms.push(await harm(shape.disk, below));
        const what = `seed ${seed}, round ${round}: ${harms.join('; ')}`;
        expect({ what, wrong: await differences(shape, what) }).toEqual({ what, wrong: [] });
        await open?.close();
        open = undefined;
      }
    },
    sizes.timeoutMs,
  );
});
