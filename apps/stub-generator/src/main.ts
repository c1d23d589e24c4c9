import './begin';
import { runService } from '@pulses/shared-service-host';
import { generatorSettings } from './settings';
import { startGenerator } from './start-generator';

void runService({
  name: 'stub-generator',
  summary:
    'Publishes synthetic pulses, the same ones for the same seed. At exit it prints one JSON line: what was sent, what the ' +
    'broker acknowledged, and the exact sum of that.',
  settings: generatorSettings,
  start: startGenerator,
});
