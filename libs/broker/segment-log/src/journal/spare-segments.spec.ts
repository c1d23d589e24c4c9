import { expect, it } from '@jest/globals';
import { filesIn, machine, opened } from '../testing/small-log';
import { settled } from '../testing/torture-run';

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
