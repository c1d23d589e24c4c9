import './begin';
import { runService } from '@pulses/shared-service-host';
import { brokerSettings } from './settings';
import { startBroker } from './start-broker';

/** Threads of libuv. Readers of old messages take some; the journal's write must not wait for them. */
const IO_THREADS = 12;

// Node starts its threads at the first call that needs one, which comes later.
process.env['UV_THREADPOOL_SIZE'] ??= String(IO_THREADS);

void runService({
  name: 'broker',
  summary:
    'Stores messages in topics and serves them over TCP: the original line protocol and the binary protocol share the port. ' +
    'An acknowledgement means on disk.',
  settings: brokerSettings,
  start: startBroker,
});
