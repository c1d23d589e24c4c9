// The behaviours that every connector shows, over a real system. A scenario is left out only through `supports`.

import { describe, expect, it } from '@jest/globals';
import type { ConnectorSupports } from '@pulses/connector-api';
import type { ConnectorHarness } from './harness';
import { describeInterruptions } from './interruption-scenarios';
import { describeLoad } from './load-scenarios';
import { describeMembership } from './membership-scenarios';
import { describeOffsets } from './offset-scenarios';
import { describePartitions } from './partition-scenarios';
import { describeReading } from './reading-scenarios';
import { describeStoring } from './storing-scenarios';
import { useConnectorSuite } from './suite';

/**
 * Declares the suite.
 *
 * @param name the adapter, for the title
 * @param start brings up a system with nothing stored
 * @param supports what the adapter declares; compared with the connector's own manifest
 */
export function describeConnector(
  name: string,
  start: () => Promise<ConnectorHarness>,
  supports: ConnectorSupports,
): void {
  describe(`the ${name} connector`, () => {
    const suite = useConnectorSuite(start);

    it('declares what it supports', () => {
      expect(suite.connector.supports).toEqual(supports);
    });

    describeReading(suite);
    describeOffsets(suite);
    describeStoring(suite);
    describeLoad(suite);
    describeInterruptions(suite, supports);
    describeMembership(suite, supports);
    if (supports.partitions) describePartitions(suite);
  });
}
