// A random history, compared with a model in memory. A failure prints its seed.

import { describe, expect, it } from '@jest/globals';
import type { BrokerLog } from '@pulses/broker-log-api';
import { columnsOf } from '@pulses/broker-wire';
import { SCALE } from '@pulses/testing-scale';
import { createSimRandom } from '@pulses/testing-sim';
import type { BrokerLogFactory, BrokerLogSupports } from './harness';
import { append, change, codeOf, namesOf, positionsOf, publish, textsOf } from './probe';

const SEEDS = SCALE.seeds(SCALE.sizeOf({ sample: 2, fault: 5 }));
const STEPS = 80;
const TOPICS = ['a', 'b', 'c'];
const SOURCE = 'source';

/** What the log has to hold. */
class Model {
  readonly topics = new Map<string, string[]>();
  revision = 0;
  offset = 0;

  topicFor(name: string): string[] {
    const messages = this.topics.get(name) ?? [];
    this.topics.set(name, messages);
    return messages;
  }
}

async function expectSame(log: BrokerLog, model: Model, bytesMax: number): Promise<void> {
  expect(namesOf(log)).toEqual([...model.topics.keys()].sort());
  for (const [name, messages] of model.topics) expect(await textsOf(log, name, bytesMax)).toEqual(messages);
  const { revision, offset } = model;
  expect(await positionsOf(log)).toMatchObject(revision === 0 ? [] : [{ name: 'p', offset, revision }]);
}

export function describeHistory(start: BrokerLogFactory, { restart }: BrokerLogSupports): void {
  describe('a random history', () => {
    it.each(SEEDS)('leaves what its changes add up to, seed %i', async (seed) => {
      const random = createSimRandom(seed);
      const pick = (count: number): number => Math.floor(random.fraction() * count);
      const harness = await start();
      const model = new Model();
      let { log } = harness;
      let { incarnation } = await log.createTopic(SOURCE);
      let sequence = 0;
      let made = 0;
      const messages = (): string[] =>
        Array.from({ length: 1 + pick(5) }, () => `${(made += 1)} `.padEnd(1 + pick(400), 'x'));
      model.topicFor(SOURCE);

      const steps: (() => Promise<void>)[] = [
        async () => {
          // Sent together, without waiting for one another.
          const sent = Array.from({ length: 1 + pick(8) }, () => [TOPICS[pick(3)] ?? 'a', messages()] as const);
          await Promise.all(sent.map(([topic, texts]) => publish(log, topic, texts)));
          for (const [topic, texts] of sent) model.topicFor(topic).push(...texts);
        },
        async () => {
          const texts = messages();
          const stamp = { id: 'a'.repeat(32), epoch: 0, sequence };
          const results = await Promise.all([publish(log, 'a', texts, stamp), publish(log, 'a', texts, stamp)]);
          expect(results[1]).toEqual({ ...results[0], duplicate: true });
          sequence += 1;
          model.topicFor('a').push(...texts);
        },
        async () => {
          const outputs = TOPICS.filter(() => pick(2) === 0).map((topic) => [topic, messages()] as const);
          const isStale = pick(3) === 0;
          const offset = made % (model.topicFor(SOURCE).length + 1);
          const request = {
            group: 'g',
            groupEpoch: 0,
            topic: SOURCE,
            incarnation,
            positions: [change('p', isStale ? model.revision + 1 : model.revision, offset)],
            ...columnsOf(outputs.map(([topic, texts]) => append(topic, ...texts))),
          };
          expect(await codeOf(log.commit(request))).toBe(isStale ? 'POSITION_CONFLICT' : 'stored');
          if (isStale) return;
          for (const [topic, texts] of outputs) model.topicFor(topic).push(...texts);
          model.revision += 1;
          model.offset = request.positions[0]?.offset ?? 0;
        },
        async () => {
          const topic = pick(4) === 0 ? SOURCE : (TOPICS[pick(3)] ?? 'a');
          await log.deleteTopics([topic]);
          model.topics.delete(topic);
          if (topic !== SOURCE) return;
          ({ incarnation } = await log.createTopic(SOURCE));
          model.topicFor(SOURCE);
          model.revision = 0;
        },
        () => harness.settle(),
        async () => {
          if (restart) log = await harness.restart();
        },
      ];
      const odds = [0, 0, 0, 0, 1, 1, 2, 2, 2, 3, 4, 5];
      for (let step = 0; step < STEPS; step += 1) {
        await steps[odds[pick(odds.length)] ?? 0]?.();
        if (step % 10 === 0) await expectSame(log, model, 1 + pick(2_000));
      }
      await expectSame(log, model, 1 << 20);
    });
  });
}
