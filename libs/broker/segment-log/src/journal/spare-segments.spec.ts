import { expect, it } from '@jest/globals';
import type { SegmentLog } from '../segment-log';
import { readMessages } from '../testing/log-fixture';
import { filesIn, fill, machine, opened } from '../testing/small-log';
import { DIRECTORY, settled } from '../testing/torture-run';

it('spares go with the mode that uses them', async () => {
  const on = machine();
  const spares = (): string[] => filesIn(on, 'journal').filter((name) => name.endsWith('.spare'));
  for (const [journalMode, count] of [
    ['recycled', 2],
    ['append', 0],
  ] as const) {
    const log = await opened(on, { options: { segmentBytesMax: 2_000, groupBytesMax: 2_000, journalMode } });
    expect(spares()).toHaveLength(count);
    await settled(on, log.close());
  }
});

it('spares of before are taken over, also where they are shorter than new ones', async () => {
  const on = machine();
  const open = (segmentBytesMax: number): Promise<SegmentLog> =>
    opened(on, { options: { segmentBytesMax, groupBytesMax: 2_000, journalMode: 'recycled' } });
  await settled(on, (await open(2_000)).close());
  const log = await open(5_000);
  const spares = filesIn(on, 'journal').filter((name) => name.endsWith('.spare'));
  expect(spares.map((name) => on.fileSystem.bytesOf(`${DIRECTORY}/journal/${name}`).length)).toEqual([4_000, 4_000]);
  const messages = await fill(on, log, 'a', 200);
  await settled(on, log.close());
  const again = await open(5_000);
  expect(await readMessages(again, 'a')).toEqual(messages);
  await settled(on, again.close());
});
