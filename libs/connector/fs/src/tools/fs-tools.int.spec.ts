import { createDialer } from '@pulses/broker-client';
import { nodeClock, nodeNetwork, nodeRandom } from '@pulses/shared-node-platform';
import { describeTools, type ToolsHarness } from '@pulses/testing-connector-conformance';
import { startTestBroker } from '@pulses/testing-processes';
import { FsConnector } from '../fs-connector';
import { FsTools } from './fs-tools';

async function startHarness(): Promise<ToolsHarness> {
  const broker = await startTestBroker();
  const address = { host: '127.0.0.1', port: broker.port };
  const connect = createDialer({ ...address, network: nodeNetwork, clock: nodeClock, clientName: 'conformance' });
  const platform = { connect, clock: nodeClock, member: 'conformance' };
  return {
    createTools: () => new FsTools({ ...platform, random: nodeRandom }),
    createConnector: () => new FsConnector(platform),
    close: () => broker.stop(),
  };
}

describeTools('fs', startHarness);
