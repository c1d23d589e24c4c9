import './begin';
import { runService } from '@pulses/shared-service-host';
import { ingestorSettings } from './settings';
import { startIngestor } from './start-ingestor';

void runService({
  name: 'ingestor',
  summary:
    "Reads pulses from the source topic, writes each to its tenant's grouped topic, sums them exactly per tenant, SKU, unit " +
    'and window, and publishes the sums. Each pulse is counted once, whatever is killed and when.',
  settings: ingestorSettings,
  start: startIngestor,
});
