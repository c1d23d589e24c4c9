// Dead letters are longer than their messages, and a source takes messages of 1 MiB.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { commitAt, startKafkaRig, type KafkaRig } from '../testing/kafka-rig';

const LIMIT_MS = 120_000;
const MESSAGE_BYTES = 1024 * 1024;

describe('a topic of dead letters', () => {
  let rig: KafkaRig;

  beforeAll(async () => {
    rig = await startKafkaRig();
  }, LIMIT_MS);
  afterAll(() => rig.close());

  it(
    'takes one of the largest message of the source',
    async () => {
      const source = await rig.makeSource(1);
      const session = await rig.open('letters', source);
      const payload = Buffer.from(`{"raw":"${Buffer.alloc(MESSAGE_BYTES).toString('base64')}"}\n`);
      await session.commit({
        ...commitAt('beside a letter', { grouped: 1 }),
        deadLetters: { recordCount: 1, payload },
      });
      expect(await rig.lines()).toEqual(['beside a letter']);
    },
    LIMIT_MS,
  );
});
