import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { LostPeers } from './lost-peers';

const SWEEP_MS = 10;
const HEADER = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const row = (remote: string, timer: string, retransmits: string) =>
  `   1: 0100007F:2328 ${remote} 01 00000020:00000000 ${timer}:00000123 ${retransmits}     0        0 664896 1`;

describe('the watch for vanished peers', () => {
  let tables: Record<string, string>;
  let lost: string[];
  let peers: LostPeers;

  beforeEach(() => {
    jest.useFakeTimers();
    tables = {};
    lost = [];
    peers = new LostPeers((path) => {
      const table = tables[path];
      return table === undefined ? Promise.reject(new Error('ENOENT')) : Promise.resolve(`${HEADER}\n${table}\n`);
    }, SWEEP_MS);
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  function watch(remoteAddress: string, remotePort = 0xc001) {
    const connection = { localPort: 9000, remoteAddress, remotePort };
    peers.watch(connection, () => lost.push(remoteAddress));
    return connection;
  }

  const sweep = () => jest.advanceTimersByTimeAsync(SWEEP_MS);

  it('gives up a connection whose bytes were sent seven times again', async () => {
    watch('10.1.2.3');
    tables['/proc/net/tcp'] = row('0302010A:C001', '01', '00000006');
    await sweep();
    expect(lost).toEqual([]);
    tables['/proc/net/tcp'] = row('0302010A:C001', '01', '00000007');
    await sweep();
    await sweep();
    expect(lost).toEqual(['10.1.2.3']);
  });

  it.each([
    ['2001:db8::1', 'B80D0120000000000000000001000000:C001'],
    ['fe80::1%eth0', '000080FE000000000000000001000000:C001'],
    ['::ffff:10.1.2.3', '0000000000000000FFFF00000302010A:C001'],
    ['::1', '00000000000000000000000001000000:C001'],
  ])('knows the address %s', async (address, remote) => {
    watch(address);
    watch('2001:db8::2');
    tables['/proc/net/tcp6'] = row(remote, '01', '0000000A');
    await sweep();
    expect(lost).toEqual([address]);
  });

  it('leaves a slow consumer, another port and a forgotten connection alone', async () => {
    watch('10.1.2.3', 0xc001);
    watch('10.1.2.3', 0xc002);
    peers.forget(watch('10.1.2.3', 0xc003));
    tables['/proc/net/tcp'] = [
      row('0302010A:C001', '04', '0000000A'), // probes a peer that answers and takes nothing
      row('0302010A:C003', '01', '0000000A'),
    ].join('\n');
    await sweep();
    expect(lost).toEqual([]);
  });

  it('goes on without a table, and has no timer without a connection', async () => {
    const connection = watch('10.1.2.3');
    await sweep();
    expect(jest.getTimerCount()).toBe(1);
    peers.forget(connection);
    await sweep();
    expect([lost, jest.getTimerCount()]).toEqual([[], 0]);
  });
});
