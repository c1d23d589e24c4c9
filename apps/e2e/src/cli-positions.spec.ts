// Stored positions changed by hand: `pulses positions set` and `positions delete`.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { columnsOf } from '@pulses/broker-wire';
import { startApp, stopAll } from '@pulses/testing-processes';
import { startBrokerProcess, type BrokerProcess } from '@pulses/testing-system';
import { connectWire, lines, type WireClient } from '@pulses/testing-wire-client';

const GROUP = 'reader@source.pulses';
const TOPIC = 'source.pulses';

describe('stored positions', () => {
  let broker: BrokerProcess;
  let client: WireClient;

  const cli = async (...args: string[]) => {
    const app = startApp({ app: 'cli', args: [...args, `--port=${broker.port}`] });
    const { code } = await app.exited;
    return { code, stdout: app.stdout, stderr: app.stderr };
  };
  const offsets = async () => {
    const { stdout } = await cli('positions', '--json');
    const rows = stdout.split('\n').filter((line) => line !== '');
    return Object.fromEntries(
      rows.map((row) => {
        const { name, offset } = JSON.parse(row) as { name: string; offset: number };
        return [name, offset];
      }),
    );
  };
  const join = async () =>
    (await client.request('group-joined', { type: 'join-group', group: GROUP, member: 'm', leaseMs: 60_000 }))
      .groupEpoch;
  const leave = (groupEpoch: number) => client.request('done', { type: 'leave-group', group: GROUP, groupEpoch });

  beforeAll(async () => {
    broker = await startBrokerProcess();
    client = await connectWire(broker.port);
    const { topic } = await client.request('topic', { type: 'create-topic', topic: TOPIC });
    const producer = { id: '1'.repeat(32), epoch: 0, sequence: 0 };
    await client.request('produced', { type: 'produce', producer, topic: TOPIC, ...lines('a', 'b', 'c', 'd') });
    const groupEpoch = await join();
    const positions = ['grouped', 'windowed'].map((name) => ({ name, expectedRevision: 0, offset: 3, metadata: '' }));
    const { incarnation } = topic;
    await client.request('committed', {
      type: 'commit',
      group: GROUP,
      groupEpoch,
      topic: TOPIC,
      incarnation,
      positions,
      ...columnsOf([]),
    });
    await leave(groupEpoch);
  });
  afterAll(async () => {
    client.close();
    await stopAll();
    await broker.stop();
  });

  it.each([
    ['set', [GROUP, TOPIC, 'grouped', '1']],
    ['delete', [GROUP, TOPIC, 'grouped']],
  ])('are left alone by %s without --yes where there is no terminal', async (command, args) => {
    const { code, stdout, stderr } = await cli('positions', command, ...args);
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining('--yes is missing')]);
    expect(await offsets()).toEqual({ grouped: 3, windowed: 3 });
  });

  it('are not changed while the group has an active member', async () => {
    const groupEpoch = await join();
    for (const args of [
      ['delete', GROUP, TOPIC, 'grouped'],
      ['set', GROUP, TOPIC, 'grouped', '1'],
    ]) {
      const { code, stderr } = await cli('positions', ...args, '--yes');
      expect([code, stderr]).toEqual([1, expect.stringContaining('active member')]);
    }
    await leave(groupEpoch);
    expect(await offsets()).toEqual({ grouped: 3, windowed: 3 });
  });

  it('move, and only within their topic', async () => {
    const moved = await cli('positions', 'set', GROUP, TOPIC, 'grouped', '1', '--yes');
    expect(moved.code).toBe(0);
    expect(JSON.parse(moved.stdout)).toEqual({ group: GROUP, topic: TOPIC, name: 'grouped', offset: 1, from: 3 });
    const beyond = await cli('positions', 'set', GROUP, TOPIC, 'grouped', '5', '--yes');
    expect([beyond.code, beyond.stderr]).toEqual([1, expect.stringContaining('holds the offsets 0 to 4')]);
    expect(await offsets()).toEqual({ grouped: 1, windowed: 3 });
  });

  it('go one by one', async () => {
    const deleted = await cli('positions', 'delete', GROUP, TOPIC, 'windowed', '--yes');
    expect(deleted.code).toBe(0);
    expect(JSON.parse(deleted.stdout)).toEqual({ deleted: 'windowed', group: GROUP, topic: TOPIC, offset: 3 });
    expect(await offsets()).toEqual({ grouped: 1 });
    const again = await cli('positions', 'delete', GROUP, TOPIC, 'windowed', '--yes');
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('no such position')]);
  });
});
