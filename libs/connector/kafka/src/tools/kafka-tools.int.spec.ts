import { describeTools, type ToolsHarness } from '@pulses/testing-connector-conformance';
import { startKafka } from '@pulses/testing-services';
import { testPartsOn } from '../testing/test-parts';

const PROPERTIES = { 'group.min.session.timeout.ms': '1000' };

async function startHarness(): Promise<ToolsHarness> {
  const server = await startKafka({ properties: PROPERTIES });
  const parts = testPartsOn(server, 1);
  return {
    createTools: () => parts.createTools(),
    createConnector: () =>
      parts.createConnector({ member: 'conformance', sessionTimeoutMs: 1_000, compression: 'lz4' }),
    close: () => server.stop(),
  };
}

describeTools('kafka', startHarness);
