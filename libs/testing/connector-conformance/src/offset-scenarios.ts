// What offsets may and may not tell: they rise, with gaps, and the same message has the same one whenever it is read.

import { expect, it } from '@jest/globals';
import { commitOf, messages, readMessages } from './session-probe';
import type { ConnectorSuite } from './suite';

export function describeOffsets(suite: ConnectorSuite): void {
  /** Messages with a gap between the second and the third, and one behind the last. */
  const publishWithGaps = async (): Promise<boolean> => {
    const { harness, topic } = suite;
    await harness.publish(topic, messages('m0', 'm1'));
    const hasGaps = await harness.skipOffsets(topic);
    await harness.publish(topic, messages('m2'));
    await harness.publish(topic, messages('m3', 'm4'));
    await harness.skipOffsets(topic);
    return hasGaps;
  };

  it('hands out messages around missing offsets, and a head behind the last of them', async () => {
    const hasGaps = await publishWithGaps();
    const session = await suite.open();
    const { messages: read, head } = await readMessages(session.read(session.startOffset), 5);
    expect(read.map(({ text }) => text)).toEqual(['m0', 'm1', 'm2', 'm3', 'm4']);
    const offsets = read.map(({ offset }) => offset);
    const steps = offsets.slice(1).map((offset, index) => offset - (offsets[index] ?? NaN));
    expect(Math.min(...steps)).toBe(1);
    expect((steps[1] ?? NaN) > 1).toBe(hasGaps);
    expect(head.nextOffset - (offsets[4] ?? NaN) > 1).toBe(hasGaps);
  });

  it('reads on from any offset, also one that no message has', async () => {
    await publishWithGaps();
    const session = await suite.open();
    const first = session.read(session.startOffset);
    const { messages: all, head } = await readMessages(first, 5);
    first.close();
    for (let from = session.startOffset; from <= head.nextOffset; from += 1) {
      const rest = all.filter(({ offset }) => offset >= from);
      const stream = session.read(from);
      expect(await readMessages(stream, rest.length)).toMatchObject({ messages: rest });
      stream.close();
    }
  });

  it('keeps positions that lie in a gap, and at the end', async () => {
    await publishWithGaps();
    const session = await suite.open();
    const stream = session.read(session.startOffset);
    const { messages: read, head } = await readMessages(stream, 5);
    stream.close();
    const inGap = { offset: (read[1]?.offset ?? NaN) + 1, metadata: 'in the gap' };
    const atEnd = { offset: head.nextOffset, metadata: 'at the end' };
    await session.commit({
      ...commitOf([`gap-${suite.topic}`], 'line', inGap),
      positions: new Map([
        ['grouped', atEnd],
        ['windowed', inGap],
      ]),
    });
    await session.close();
    const next = await suite.open();
    expect(next.positions.get('windowed')).toEqual(inGap);
    expect(next.positions.get('grouped')).toEqual(atEnd);
    const { messages: rest } = await readMessages(next.read(inGap.offset), 3);
    expect(rest).toEqual(read.slice(2));
  });

  it('hands out the same messages, offsets and times again after a session that committed nothing', async () => {
    await publishWithGaps();
    const session = await suite.open();
    const { messages: first } = await readMessages(session.read(session.startOffset), 5);
    await session.close();
    const next = await suite.open(suite.another());
    expect([...next.positions]).toEqual([]);
    expect(next.startOffset).toBe(session.startOffset);
    const { messages: again } = await readMessages(next.read(next.startOffset), 5);
    expect(again).toEqual(first);
  });
}
