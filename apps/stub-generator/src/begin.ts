// Imported first: it acts before the modules after this one are evaluated, not after them.

import { holdSignals } from '@pulses/shared-process';

holdSignals();
