// Imported first: it acts before the modules after this one are evaluated, not after them.

import { beginService } from '@pulses/shared-process';

beginService();
