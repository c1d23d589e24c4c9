// What tools publish and read.

import { describe, expect, it } from '@jest/globals';
import { isPulsesError } from '@pulses/shared-errors';
import { groupedTopic } from '@pulses/shared-pulse-model';
import { commitOf, failureOf } from '../session-probe';
import { payloadOf, type ToolsSuite } from './tools-suite';

const textsOf = (messages: readonly { readonly text: string }[]) => messages.map(({ text }) => text);

export function describeTopics(suite: ToolsSuite): void {
  describe('topics', () => {
    it('have no partitions while they do not exist, and looking makes none', async () => {
      const admin = await suite.connect();
      expect(await admin.partitions(suite.topic)).toEqual([]);
      expect(await admin.partitions(suite.topic)).toEqual([]);
      expect(await admin.topics(suite.topic)).toEqual([]);
    });

    it('are listed by the start of their names, with what each partition holds', async () => {
      await suite.publish(['k 1', 'k 2', 'k 3']);
      const admin = await suite.connect();
      const listed = await admin.topics(suite.topic.slice(0, -1));
      const partitions = await admin.partitions(suite.topic);
      expect(listed.filter(({ topic }) => topic === suite.topic)).toEqual(partitions);
      const { topic, incarnation, startOffset, nextOffset } = await suite.filled(admin);
      expect(topic).toBe(suite.topic);
      expect(incarnation).toMatch(/^[0-9a-f]{32}$/);
      expect(nextOffset - startOffset).toBeGreaterThanOrEqual(3);
      expect(new Set(partitions.map((one) => one.incarnation)).size).toBe(partitions.length);
    });

    it('hold what was published, byte for byte, in order for each key', async () => {
      const texts = Array.from(
        { length: 300 },
        (_, index) => `key-${index % 7} ${'é'.repeat(index % 5)}{"n":${index}}`,
      );
      const producer = await suite.producer();
      const sent = [];
      for (let at = 0; at < texts.length; at += 50) {
        sent.push(producer.send(payloadOf(texts.slice(at, at + 50)), 50));
        await producer.ready();
      }
      await Promise.all(sent);
      await producer.close();
      const stored = await suite.stored(await suite.connect());
      for (const key of new Set(texts.map((text) => text.split(' ')[0]))) {
        const ofKey = stored.filter(({ text }) => text.startsWith(`${key} `));
        expect(textsOf(ofKey)).toEqual(texts.filter((text) => text.startsWith(`${key} `)));
        expect(new Set(ofKey.map(({ partition }) => partition)).size).toBe(1);
      }
      expect(stored.length).toBe(texts.length);
    });

    it('take messages without a key', async () => {
      await suite.publish(['nokey', 'neither']);
      expect(textsOf(await suite.stored(await suite.connect())).sort()).toEqual(['neither', 'nokey']);
    });

    it('give each range of offsets alone, with rising offsets and times that never fall', async () => {
      const texts = Array.from({ length: 20 }, (_, index) => `k ${index}`);
      for (const text of texts) await suite.publish([text]);
      const admin = await suite.connect();
      const info = await suite.filled(admin);
      const all = await suite.range(admin, info, info.startOffset, info.nextOffset);
      expect(textsOf(all)).toEqual(texts);
      for (const [index, { offset, timestampMs }] of all.entries()) {
        expect(offset).toBeGreaterThan(all[index - 1]?.offset ?? -1);
        expect(timestampMs).toBeGreaterThanOrEqual(all[index - 1]?.timestampMs ?? 0);
      }
      const [from, until] = [all[3]!.offset, all[11]!.offset]; // there are 20
      expect(await suite.range(admin, info, from, until)).toEqual(all.slice(3, 11));
      expect(await suite.range(admin, info, until, until)).toEqual([]);
    });

    it('are followed past their end until the signal comes', async () => {
      await suite.publish(['k first']);
      const admin = await suite.connect();
      const info = await suite.filled(admin);
      const stop = new AbortController();
      const texts: string[] = [];
      const range = { fromOffset: info.startOffset, untilOffset: Infinity, aheadBytes: 1 << 16, signal: stop.signal };
      for await (const some of admin.read(info, range)) {
        for (const { payload } of some) texts.push(...Buffer.from(payload).toString().trimEnd().split('\n'));
        if (texts.length === 1) await suite.publish(['k second', 'k third']);
        if (texts.length === 3) stop.abort();
      }
      expect(texts).toEqual(['k first', 'k second', 'k third']);
    });

    it('refuse an offset beyond the end, and another incarnation', async () => {
      await suite.publish(['k 1']);
      const admin = await suite.connect();
      const info = await suite.filled(admin);
      const beyond = suite.range(admin, info, info.nextOffset + 1, Infinity);
      expect(isPulsesError(await failureOf(beyond), 'OFFSET_OUT_OF_RANGE')).toBe(true);
      const other = { ...info, incarnation: 'f'.repeat(32) };
      const unknown = suite.range(admin, other, info.startOffset, info.nextOffset);
      expect(isPulsesError(await failureOf(unknown), 'TOPIC_UNKNOWN')).toBe(true);
    });

    it("give a tenant's lines by the tenant's topic", async () => {
      await suite.publish(['k 1', 'k 2', 'k 3']);
      const session = await suite.session();
      const one = `one-${suite.topic.split('-')[1]}`;
      const line = (tenant: string, number: number) => `{"tenant_id":"${tenant}","n":${number}}`;
      for (let number = 0; number < 3; number += 1)
        for (const tenant of [one, `${one}-other`])
          await session.commit(commitOf([tenant], line(tenant, number), { offset: number, metadata: '' }));
      const admin = await suite.connect();
      expect(textsOf(await suite.stored(admin, groupedTopic(one)))).toEqual([0, 1, 2].map((n) => line(one, n)));
      const all = [];
      const outputs = await admin.outputs();
      for (const info of outputs.filter(({ kind }) => kind === 'grouped'))
        all.push(...textsOf(await suite.range(admin, info, info.startOffset, info.nextOffset)));
      for (const tenant of [one, `${one}-other`])
        expect(all.filter((text) => text.includes(`"${tenant}"`))).toEqual([0, 1, 2].map((n) => line(tenant, n)));
      const byTenant = new Map<string, string[]>();
      for await (const some of admin.readOutputs(outputs.filter(({ kind }) => kind === 'grouped')))
        for (const { topic, batch } of some) {
          const lines = Buffer.from(batch.payload).toString().trimEnd().split('\n');
          byTenant.set(topic.topic, [...(byTenant.get(topic.topic) ?? []), ...lines]);
        }
      expect(byTenant.get(groupedTopic(one))).toEqual([0, 1, 2].map((n) => line(one, n)));
    });
  });

  describe('a producer', () => {
    it('drops what is not stored when it is aborted, and refuses what comes later', async () => {
      const producer = await suite.producer();
      await producer.send(payloadOf(['k stored']), 1);
      expect(producer.isUnderWay).toBe(true);
      producer.abort();
      expect(isPulsesError(await failureOf(producer.send(payloadOf(['k late']), 1)), 'CONNECTION_LOST')).toBe(true);
      expect(textsOf(await suite.stored(await suite.connect()))).toEqual(['k stored']);
    });

    it('that is patient connects when something is sent', async () => {
      const tools = suite.harness.createTools();
      const producer = await tools.openProducer({
        topic: suite.topic,
        keyOf: () => undefined,
        isPatient: true,
      });
      expect(producer.isUnderWay).toBe(false);
      await producer.send(payloadOf(['k patient']), 1);
      await producer.close();
      expect(textsOf(await suite.stored(await suite.connect()))).toEqual(['k patient']);
    });
  });
}
