import { describe, expect, it } from '@jest/globals';
import type { BrokerClient } from '@pulses/broker-client';
import { createSimClock } from '@pulses/testing-sim';
import { FsConnector } from './fs-connector';

const INCARNATION = '1'.repeat(32);

/** A broker whose source holds the offsets 100 to 200, and where an older version stored a position. */
function connectorAt(offset: number): { connector: FsConnector; isClosed: () => boolean } {
  let isClosed = false;
  const client: Partial<BrokerClient> = {
    joinAsPublisher: () => Promise.resolve(3),
    createTopic: (topic) =>
      Promise.resolve({
        topic,
        incarnation: INCARNATION,
        startOffset: 100,
        nextOffset: 200,
        bytes: 1,
        firstTimestampMs: 1,
        lastTimestampMs: 1,
      }),
    readPositions: (group, topic) =>
      Promise.resolve([{ group, topic, incarnation: INCARNATION, name: 'grouped', offset, revision: 1, metadata: '' }]),
    leaveGroup: () => Promise.resolve(),
    close: () => {
      isClosed = true;
    },
  };
  const connect = () => Promise.resolve(client as BrokerClient);
  return { connector: new FsConnector({ connect, clock: createSimClock(), member: 'm' }), isClosed: () => isClosed };
}

const open = (connector: FsConnector) =>
  connector.openSession({
    sourceTopic: 's',
    group: 'g',
    signal: new AbortController().signal,
    onStandby: () => undefined,
  });

describe('a session of the fs connector', () => {
  it.each([99, 201, 1200])('refuses the stored position %i outside the source, naming the command', async (offset) => {
    const { connector, isClosed } = connectorAt(offset);
    const opened = open(connector);
    await expect(opened).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
    await expect(opened).rejects.toThrow("'pulses positions set g@s s grouped OFFSET --yes' mends it");
    expect(isClosed()).toBe(true);
  });

  it.each([100, 200])('takes the stored position %i at the edge of the source', async (offset) => {
    const session = await open(connectorAt(offset).connector);
    expect(session.positions.get('grouped')?.offset).toBe(offset);
    await session.close();
  });
});
