import { useMemorySettings } from '@pulses/shared-process';
import { runService } from '@pulses/shared-service-host';
import { brokerSettings } from './settings';
import { startBroker } from './start-broker';

// Files of topics are made durable many at a time, and the journal must not wait behind them. Node makes its threads at the
// first call that needs one, which is later than this.
process.env['UV_THREADPOOL_SIZE'] ??= '24';

useMemorySettings();
void runService({
  name: 'broker',
  summary:
    'Stores messages in topics and serves them over TCP: the original line protocol and the binary protocol share the port. ' +
    'An acknowledgement means on disk.',
  settings: brokerSettings,
  start: startBroker,
});
