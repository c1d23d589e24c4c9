import { runService } from '@pulses/shared-service-host';
import { brokerSettings } from './settings';
import { startBroker } from './start-broker';

void runService({
  name: 'broker',
  summary:
    'Stores messages in topics and serves them over TCP: the original line protocol and the binary protocol share the port. ' +
    'An acknowledgement means on disk.',
  settings: brokerSettings,
  start: startBroker,
});
