// The behaviours that every broker log shows. The suite speaks of the interface alone.

import { afterEach, describe, expect, it } from '@jest/globals';
import { describeAppends } from './describe-appends';
import { describeColumns } from './describe-columns';
import { describeCommits } from './describe-commits';
import { describeDisk } from './describe-disk';
import { describeExpiry } from './describe-expiry';
import { describeHistory } from './describe-history';
import { describeOutputs } from './describe-outputs';
import { describePositionDeletion } from './describe-position-deletion';
import { describeProducers } from './describe-producers';
import { describeReads } from './describe-reads';
import { describeRestarts } from './describe-restarts';
import { describeScans } from './describe-scans';
import { describeTopics } from './describe-topics';
import type { BrokerLogFactory, BrokerLogHarness, BrokerLogSupports } from './harness';

/**
 * Declares the suite.
 *
 * @param name the implementation, for the title
 * @param factory opens a log over an empty store; the suite closes it
 * @param supports what the implementation declares
 */
export function describeBrokerLog(name: string, factory: BrokerLogFactory, supports: BrokerLogSupports): void {
  describe(`the ${name} log`, () => {
    const open: BrokerLogHarness[] = [];
    const start: BrokerLogFactory = async (limits) => {
      const harness = await factory(limits);
      open.push(harness);
      return harness;
    };

    afterEach(async () => {
      for (const harness of open.splice(0)) await harness.close();
    });

    it('starts empty', async () => {
      const { log } = await start();
      expect(log.topics({ prefix: '', after: '', limit: 10 })).toEqual({ topics: [], more: false });
      expect(await log.positions('', '')).toEqual([]);
      expect([log.topic('t'), log.isCommitting, log.unsealedBytes]).toEqual([undefined, false, 0]);
    });

    describeAppends(start);
    describeProducers(start);
    describeCommits(start);
    describeColumns(start);
    describePositionDeletion(start, supports);
    describeOutputs(start, supports);
    describeExpiry(start, supports);
    describeTopics(start);
    describeReads(start);
    describeScans(start);
    describeDisk(start);
    describeHistory(start, supports);
    if (supports.restart) describeRestarts(start);
  });
}
