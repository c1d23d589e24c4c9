// A commit whose answer is lost was stored or was not: only the broker knows, and it is asked.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { stopAll } from '@pulses/testing-processes';
import { startBrokerProcess, type BrokerProcess } from '@pulses/testing-system';
import { startCuttingProxy, type CuttingProxy } from './testing/cutting-proxy';
import { startIngestor } from './testing/ingestor-process';
import { publishLines, subscribe } from './testing/line-client';
import { loadLine } from './testing/steady-load';
import { checkWhole } from './testing/whole-check';

const CUTS = 5;

describe('a commit whose answer is lost', () => {
  let broker: BrokerProcess;
  let proxy: CuttingProxy;

  beforeEach(async () => {
    broker = await startBrokerProcess();
    proxy = await startCuttingProxy(broker.port);
  });
  afterEach(async () => {
    await stopAll();
    await proxy.close();
    await broker.stop();
  });

  it.each([
    ['grouped lines', 'tenants.acme.grouped.pulses'],
    ['sums', 'tenants.acme.aggregated.pulses.amount'],
  ])(
    'of %s is settled by reading the positions back: nothing is written again, nothing is left out',
    async (_what, topic) => {
      const ingestor = await startIngestor(proxy.port, { args: ['--flush-interval=200ms'] });
      await ingestor.untilRole('active');
      const outputs = subscribe(broker.port, topic);
      for (let cut = 1; cut <= CUTS; cut += 1) {
        const passedOn = proxy.keepBackAnswerOf(topic);
        await publishLines(broker.port, 'source.pulses', [loadLine(cut, { tenant: 'acme' })]);
        await passedOn;
        // It is stored: others can read what it has written.
        await outputs.until((lines) => lines.length >= cut);
        proxy.cut();
        await ingestor.untilRole('active');
      }
      outputs.close();
      const { differences, groupedCount } = await checkWhole(broker.port, CUTS);
      expect(differences).toEqual([]);
      expect(groupedCount).toBe(CUTS);
      expect(ingestor.app.stderr.match(/session active/g)?.length).toBeGreaterThan(CUTS);
    },
  );
});
