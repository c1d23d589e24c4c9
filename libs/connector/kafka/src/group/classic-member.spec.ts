// Members and a coordinator under random events: joins, losses, expiries, slow hand-overs, new partitions.

import { describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { createSimRandom } from '@pulses/testing-sim';
import { ClassicMember } from './classic-member';
import { SimClassicGroup, type SimAnswer } from './testing/sim-classic-group';

const PARTITIONS = 7;
const EVENTS = 200;
const SETTLE_ROUNDS = 100;

interface Rig {
  readonly member: ClassicMember;
  /** The member's last word to the coordinator has no answer yet. */
  isWaiting: boolean;
  answers: SimAnswer[];
  isOut: boolean;
}

class World {
  readonly group = new SimClassicGroup();
  rigs: Rig[] = [];
  partitionCount = PARTITIONS;

  add(): void {
    this.rigs.push({ member: new ClassicMember(this.partitionCount), isWaiting: false, answers: [], isOut: false });
  }

  send(rig: Rig): void {
    if (rig.isOut || rig.isWaiting || rig.answers.length > 0) return;
    rig.isWaiting = true;
    this.group.ask(rig.member.next(), (answer) => {
      rig.isWaiting = false;
      rig.answers.push(answer);
    });
  }

  /** Hands the next answer to the member; a lost one makes it ask again. */
  deliver(rig: Rig, isLost: boolean): void {
    const answer = rig.answers.shift();
    if (answer === undefined || rig.isOut) return;
    if (isLost) return;
    if (answer.kind === 'joined') rig.member.joined(answer.answer);
    if (answer.kind === 'synced') rig.member.synced(answer.share);
    if (answer.kind === 'refused' && rig.member.refused(answer.error, answer.memberId) === 'fenced') this.remove(rig);
  }

  giveUp(rig: Rig): void {
    const { leaving } = rig.member.ownership;
    if (leaving.size > 0) rig.member.released([...leaving]);
  }

  remove(rig: Rig): void {
    // One that was removed hears of it at its next request; until then its producers are fenced.
    rig.isOut = true;
    this.group.remove(rig.member.memberId);
  }

  count(total: number): void {
    this.partitionCount = total;
    for (const { member } of this.rigs) member.partitionsCounted(total);
  }

  assertExclusive(): void {
    const owned = this.rigs.flatMap(({ isOut, member }) => (isOut ? [] : member.ownership.owned));
    expect(owned).toHaveLength(new Set(owned).size);
  }

  settle(): void {
    for (let round = 0; round < SETTLE_ROUNDS; round += 1) {
      for (const rig of this.rigs) {
        this.send(rig);
        this.deliver(rig, false);
        this.giveUp(rig);
        this.assertExclusive();
      }
      this.rigs = this.rigs.filter(({ isOut }) => !isOut);
    }
  }
}

function run(seed: number): void {
  const random = createSimRandom(seed);
  const world = new World();
  const pick = <Item>(items: readonly Item[]) => items[Math.floor(random.fraction() * items.length)];
  world.add();
  for (let event = 0; event < EVENTS; event += 1) {
    const rig = pick(world.rigs);
    const dice = random.fraction();
    if (rig === undefined || (dice < 0.03 && world.rigs.length < 5)) world.add();
    else if (dice < 0.05) world.remove(rig);
    else if (dice < 0.06) world.count(world.partitionCount + 1);
    else if (dice < 0.5) world.send(rig);
    else if (dice < 0.9) world.deliver(rig, random.fraction() < 0.1);
    else world.giveUp(rig);
    world.assertExclusive();
    world.rigs = world.rigs.filter(({ isOut }) => !isOut);
  }
  world.settle();
  if (world.rigs.length === 0) return;
  const held = world.rigs.flatMap(({ member }) => [...member.ownership.held]).sort((a, b) => a - b);
  expect(held).toEqual(Array.from({ length: world.partitionCount }, (_, partition) => partition));
  const sizes = world.rigs.map(({ member }) => member.ownership.held.size);
  expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
}

describe('members of a classic group', () => {
  it(`never share a partition, and hold all of them in the end, ${SCALE.note}`, () => {
    for (const seed of SCALE.seeds(SCALE.sizeOf({ sample: 30, fault: 500, torture: 5_000 }))) {
      try {
        run(seed);
      } catch (error) {
        throw new Error(`with seed ${seed}`, { cause: error });
      }
    }
  }, 600_000);

  it('join again with the id that the coordinator asks for', () => {
    const member = new ClassicMember(1);
    expect(member.next()).toMatchObject({ kind: 'join', memberId: '' });
    expect(member.refused('member-id-required', 'm-1')).toBe('again');
    expect(member.next()).toMatchObject({ kind: 'join', memberId: 'm-1' });
  });

  it.each(['unknown-member', 'illegal-generation'] as const)('are out after %s', (error) => {
    expect(new ClassicMember(1).refused(error)).toBe('fenced');
  });

  it('keep their partitions while the group rebalances', () => {
    const member = new ClassicMember(2);
    member.joined({ memberId: 'm', generation: 3, candidates: [{ memberId: 'm', owned: [], generation: -1 }] });
    member.synced([0, 1]);
    expect(member.refused('rebalance-in-progress')).toBe('again');
    expect([...member.ownership.held]).toEqual([0, 1]);
    expect(member.next()).toEqual({ kind: 'join', memberId: 'm', owned: [0, 1], generation: 3 });
  });
});
