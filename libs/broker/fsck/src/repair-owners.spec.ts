import { afterEach, describe, expect, it } from '@jest/globals';
import type { BrokerLog } from '@pulses/broker-log-api';
import { segmentName, UNKNOWN_OWNER } from '@pulses/broker-segment-log';
import { columnsOf } from '@pulses/broker-wire';
import { isPulsesError } from '@pulses/shared-errors';
import { createSimFileSystem, createSimRandom, type SimFileSystem } from '@pulses/testing-sim';
import { repairDataDirectory, type Repair } from './index';
import { DIRECTORY, framesOf, lines, loseAt, openOn, publish } from './testing/shapes';

let open: BrokerLog | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});

const SEGMENT = `${DIRECTORY}/journal/${segmentName(1)}`;
const OPTIONS = { options: { segmentBytesMax: 1_000_000 } };

/** A log whose frames can be lost: those that `lose` sees written are damaged before the repair. */
class DamagedLog {
  readonly log: BrokerLog;
  readonly #disk: SimFileSystem;
  readonly #lost: number[] = [];

  private constructor(log: BrokerLog, disk: SimFileSystem) {
    this.log = log;
    this.#disk = disk;
  }

  static async open(): Promise<DamagedLog> {
    const disk = createSimFileSystem({ seed: 1 });
    const log = await openOn(disk, DIRECTORY, OPTIONS);
    await publish(log, 'source', ['1', '2', '3', '4', '5', '6', '7', '8']);
    return new DamagedLog(log, disk);
  }

  async lose(change: () => Promise<unknown>): Promise<void> {
    const before = framesOf(this.#disk, SEGMENT).length;
    await change();
    this.#lost.push(...framesOf(this.#disk, SEGMENT).slice(before));
  }

  /** Joins as publisher; resolves to the epoch. */
  join(group: string): Promise<number> {
    return this.log.advanceGroupEpoch(group, 'source');
  }

  async commit(group: string, groupEpoch: number, positions: Record<string, readonly [number, number]>): Promise<void> {
    const { incarnation } = this.log.topic('source')!; // published at the start
    await this.log.commit({
      ...{ group, groupEpoch, topic: 'source', incarnation },
      positions: Object.entries(positions).map(([name, [expectedRevision, offset]]) => ({
        ...{ name, expectedRevision, offset, metadata: '' },
      })),
      ...columnsOf([{ topic: 'out', ...lines(`${group} ${JSON.stringify(positions)}`) }]),
    });
  }

  async repaired(sources = ['source']): Promise<{ log: BrokerLog; repair: Repair }> {
    // So that the last frame is not one that a start may take for torn.
    await publish(this.log, 'other', ['x']);
    await this.log.close();
    for (const at of this.#lost) loseAt(this.#disk, SEGMENT, at);
    const mayBeSource = (topic: string): boolean => sources.includes(topic);
    const places = { random: createSimRandom(1), from: DIRECTORY, to: '/new' };
    const repair = await repairDataDirectory({ fileSystem: this.#disk, ...places, mayBeSource });
    open = await openOn(this.#disk, '/new', OPTIONS);
    return { log: open, repair };
  }
}

/** Owner of the outputs that a join as publisher meets, '' when it is the first. */
async function ownerSeenBy(log: BrokerLog, group: string): Promise<string> {
  try {
    await log.advanceGroupEpoch(group, 'source');
    return '';
  } catch (error) {
    if (!isPulsesError(error, 'OUTPUTS_OWNED')) throw error;
    return /belong to the group '(.*?)'/.exec(error.message)?.[1] ?? 'no name';
  }
}

const offsetsOf = async (log: BrokerLog, group: string) =>
  Object.fromEntries((await log.positions(group, 'source')).map(({ name, offset }) => [name, offset]));

describe('after a repair of a journal with lost frames', () => {
  it('outputs belong to the group whose claim is lost, and whose commits are not', async () => {
    const damaged = await DamagedLog.open();
    let epoch = 0;
    await damaged.lose(async () => (epoch = await damaged.join('a')));
    await damaged.commit('a', epoch, { p: [0, 3] });
    const { log } = await damaged.repaired();
    expect(await ownerSeenBy(log, 'b')).toBe('a');
    expect(await ownerSeenBy(log, 'a')).toBe('');
    expect(await offsetsOf(log, 'a')).toEqual({ p: 3 });
  });

  it('outputs belong to no group that can join when nothing tells who has claimed them', async () => {
    const damaged = await DamagedLog.open();
    await damaged.lose(async () => damaged.commit('a', await damaged.join('a'), { p: [0, 3] }));
    const { log, repair } = await damaged.repaired();
    expect(repair.lostState.join()).toContain(`pulses groups delete ${UNKNOWN_OWNER}`);
    expect([await ownerSeenBy(log, 'a'), await ownerSeenBy(log, 'b')]).toEqual([UNKNOWN_OWNER, UNKNOWN_OWNER]);
    expect(await log.groups()).toMatchObject([{ group: UNKNOWN_OWNER, sources: ['source'] }]);
    await expect(log.advanceGroupEpoch(UNKNOWN_OWNER)).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    expect(await log.deleteGroup(UNKNOWN_OWNER)).toBe(true);
    expect([await ownerSeenBy(log, 'b'), await ownerSeenBy(log, 'a')]).toEqual(['', 'b']);
  });

  it('outputs belong to the next owner when the deletion of the one before is lost, with all that it left', async () => {
    const damaged = await DamagedLog.open();
    await damaged.commit('a', await damaged.join('a'), { p: [0, 3], q: [0, 2] });
    await damaged.lose(() => damaged.log.deleteGroup('a'));
    await damaged.commit('b', await damaged.join('b'), { p: [1, 5] });
    const { log } = await damaged.repaired();
    expect(await ownerSeenBy(log, 'a')).toBe('b');
    expect(await offsetsOf(log, 'b')).toEqual({ p: 5, q: 2 });
    expect(await offsetsOf(log, 'a')).toEqual({});
  });

  it('outputs belong to the next owner when its claim is lost too', async () => {
    const damaged = await DamagedLog.open();
    await damaged.commit('a', await damaged.join('a'), { p: [0, 3], q: [0, 2] });
    let epoch = 0;
    await damaged.lose(async () => {
      await damaged.log.deleteGroup('a');
      epoch = await damaged.join('b');
    });
    await damaged.commit('b', epoch, { p: [1, 5] });
    const { log } = await damaged.repaired();
    expect(await ownerSeenBy(log, 'a')).toBe('b');
    expect(await offsetsOf(log, 'b')).toEqual({ p: 5, q: 2 });
  });

  it('positions that a deleted owner left wait for an operator, when another may have claimed them', async () => {
    const damaged = await DamagedLog.open();
    await damaged.commit('a', await damaged.join('a'), { p: [0, 3] });
    await damaged.log.deleteGroup('a');
    await damaged.lose(() => damaged.join('b'));
    const { log } = await damaged.repaired();
    expect(await ownerSeenBy(log, 'c')).toBe(UNKNOWN_OWNER);
    await log.deleteGroup(UNKNOWN_OWNER);
    expect(await ownerSeenBy(log, 'c')).toBe('');
    expect(await offsetsOf(log, 'c')).toEqual({ p: 3 });
  });

  it('outputs stay free while there are none, so that a source that was only published to can be read', async () => {
    const damaged = await DamagedLog.open();
    await damaged.lose(() => publish(damaged.log, 'source', ['x']));
    const { log } = await damaged.repaired(['source', 'other']);
    expect(await ownerSeenBy(log, 'a')).toBe('');
  });

  it('outputs are free when a later frame names their owner, and another deletes it', async () => {
    const damaged = await DamagedLog.open();
    await damaged.lose(() => publish(damaged.log, 'logs', ['x']));
    await damaged.commit('a', await damaged.join('a'), { p: [0, 3] });
    await damaged.log.deleteGroup('a');
    const { log } = await damaged.repaired();
    expect(await ownerSeenBy(log, 'b')).toBe('');
    expect(await offsetsOf(log, 'b')).toEqual({ p: 3 });
  });

  it('outputs stay free of a source that was made behind them', async () => {
    const damaged = await DamagedLog.open();
    await damaged.lose(() => publish(damaged.log, 'logs', ['x']));
    await damaged.log.deleteTopics(['source']);
    await damaged.log.createTopic('source');
    const { log } = await damaged.repaired();
    expect(await ownerSeenBy(log, 'a')).toBe('');
  });

  it('epochs of new groups are above those of every group that the frames may have deleted', async () => {
    const damaged = await DamagedLog.open();
    let epoch = 0;
    await damaged.lose(async () => {
      for (let joins = 0; joins < 3; joins += 1) epoch = await damaged.log.advanceGroupEpoch('reader');
      await damaged.log.deleteGroup('reader');
    });
    const { log } = await damaged.repaired([]);
    expect(epoch).toBe(3);
    expect(await log.advanceGroupEpoch('reader')).toBeGreaterThan(epoch);
  });
});
