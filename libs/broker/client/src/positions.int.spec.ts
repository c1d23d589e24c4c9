import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { columnsOf, FRAME_BYTES_MAX, METADATA_BYTES_MAX, POSITIONS_PER_COMMIT_MAX } from '@pulses/broker-wire';
import { nodeClock, nodeNetwork } from '@pulses/shared-node-platform';
import { startTestBroker, type TestBroker } from '@pulses/testing-processes';
import { connectBroker, type BrokerClient } from './broker-client';

const GROUPS = ['a', 'b', 'c', 'd', 'e'];
const POSITIONS_PER_GROUP = 16 * POSITIONS_PER_COMMIT_MAX;

describe('stored positions', () => {
  let broker: TestBroker;
  let client: BrokerClient;

  beforeEach(async () => {
    broker = await startTestBroker();
    const { port } = broker;
    client = await connectBroker({
      network: nodeNetwork,
      clock: nodeClock,
      host: '127.0.0.1',
      port,
      clientName: 'test',
    });
  });
  afterEach(async () => {
    client.close();
    await broker.stop();
  });

  /** Stores `POSITIONS_PER_COMMIT_MAX` new positions. */
  async function store(group: string, groupEpoch: number, first: number): Promise<void> {
    const { topic, incarnation } = await client.createTopic('source');
    const positions = Array.from({ length: POSITIONS_PER_COMMIT_MAX }, (_, index) => {
      const name = String(first + index).padStart(5, '0');
      return { name, expectedRevision: 0, offset: 0, metadata: 'x'.repeat(METADATA_BYTES_MAX) };
    });
    await client.commit({ group, groupEpoch, topic, incarnation, positions, ...columnsOf([]) });
  }

  it('are read in pages when they are more than a frame holds, and refused beyond the limit', async () => {
    for (const group of GROUPS) {
      const groupEpoch = await client.joinGroup(group, 'm', 60_000);
      for (let first = 0; first < POSITIONS_PER_GROUP; first += POSITIONS_PER_COMMIT_MAX) {
        await store(group, groupEpoch, first);
      }
      const beyond = store(group, groupEpoch, POSITIONS_PER_GROUP);
      await expect(beyond).rejects.toThrow(`the limit is ${POSITIONS_PER_GROUP}`);
      await expect(beyond).rejects.toMatchObject({ code: 'OVERLOADED' });
    }
    expect(GROUPS.length * POSITIONS_PER_GROUP * METADATA_BYTES_MAX).toBeGreaterThan(FRAME_BYTES_MAX);
    const found = await client.readPositions('', '');
    const expected = GROUPS.flatMap((group) =>
      Array.from({ length: POSITIONS_PER_GROUP }, (_, index) => `${group} ${String(index).padStart(5, '0')}`),
    );
    expect(found.map(({ group, name }) => `${group} ${name}`)).toEqual(expected);
    expect((await client.readPositions('b', 'source')).length).toBe(POSITIONS_PER_GROUP);
  });
});
