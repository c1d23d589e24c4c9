// Members and a coordinator under random events: joins, losses, expiries, slow hand-overs, new partitions.

import { describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { createSimRandom } from '@pulses/testing-sim';
import { ClassicMember } from './classic-member';
import { SimClassicGroup, type SimAnswer } from './testing/sim-classic-group';

const TOPICS = ['a', 'b'];
const PARTITIONS = 7;
const EVENTS = 200;
const SETTLE_ROUNDS = 100;

interface Rig {
  readonly topic: string;
  readonly member: ClassicMember;
  /** The member's last word to the coordinator has no answer yet. */
  isWaiting: boolean;
  answers: SimAnswer[];
  isOut: boolean;
}

class World {
  readonly partitionCounts = new Map(TOPICS.map((topic) => [topic, PARTITIONS]));
  readonly group = new SimClassicGroup(this.partitionCounts);
  rigs: Rig[] = [];

  add(topic: string): void {
    const member = new ClassicMember(this.countOf(topic));
    this.rigs.push({ topic, member, isWaiting: false, answers: [], isOut: false });
  }

  countOf(topic: string): number {
    return this.partitionCounts.get(topic) ?? 0;
  }

  send(rig: Rig): void {
    if (rig.isOut || rig.isWaiting || rig.answers.length > 0) return;
    rig.isWaiting = true;
    this.group.ask(rig.member.next(), rig.topic, (answer) => {
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

  extend(topic: string): void {
    const total = this.countOf(topic) + 1;
    this.partitionCounts.set(topic, total);
    for (const rig of this.rigs) if (rig.topic === topic) rig.member.partitionsCounted(total);
  }

  assertExclusive(): void {
    const owned = this.rigs.flatMap(({ topic, isOut, member }) =>
      isOut ? [] : member.ownership.owned.map((partition) => `${topic}/${partition}`),
    );
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
  const pickTopic = () => pick(TOPICS) ?? '';
  world.add(pickTopic());
  for (let event = 0; event < EVENTS; event += 1) {
    const rig = pick(world.rigs);
    const dice = random.fraction();
    if (rig === undefined || (dice < 0.03 && world.rigs.length < 6)) world.add(pickTopic());
    else if (dice < 0.05) world.remove(rig);
    else if (dice < 0.06) world.extend(pickTopic());
    else if (dice < 0.5) world.send(rig);
    else if (dice < 0.9) world.deliver(rig, random.fraction() < 0.1);
    else world.giveUp(rig);
    world.assertExclusive();
    world.rigs = world.rigs.filter(({ isOut }) => !isOut);
  }
  world.settle();
  for (const topic of TOPICS) {
    const members = world.rigs.filter((rig) => rig.topic === topic).map(({ member }) => member);
    if (members.length === 0) continue;
    const held = members.flatMap(({ ownership }) => [...ownership.held]).sort((a, b) => a - b);
    expect(held).toEqual(Array.from({ length: world.countOf(topic) }, (_, partition) => partition));
    const sizes = members.map(({ ownership }) => ownership.held.size);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
  }
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

  it('get the partitions of their own topics from the leader', () => {
    const member = new ClassicMember(1);
    const candidates = ['a', 'b', 'gone'].map((topic) => ({
      memberId: `of-${topic}`,
      topic,
      owned: [],
      generation: -1,
    }));
    const partitionCounts = new Map([
      ['a', 1],
      ['b', 2],
    ]);
    member.joined({ memberId: 'of-a', generation: 1, candidates, partitionCounts });
    expect(member.next()).toMatchObject({
      kind: 'sync',
      shares: [
        { memberId: 'of-a', topic: 'a', partitions: [0] },
        { memberId: 'of-b', topic: 'b', partitions: [0, 1] },
        { memberId: 'of-gone', topic: 'gone', partitions: [] },
      ],
    });
  });

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
    member.joined({ memberId: 'm', generation: 3, candidates: [], partitionCounts: new Map() });
    member.synced([0, 1]);
    expect(member.refused('rebalance-in-progress')).toBe('again');
    expect([...member.ownership.held]).toEqual([0, 1]);
    expect(member.next()).toEqual({ kind: 'join', memberId: 'm', owned: [0, 1], generation: 3 });
  });
});
