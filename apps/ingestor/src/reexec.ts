// Imported first: the program starts again before the modules after this one are evaluated, not after them.

import { reexecWithMemoryFlags } from '@pulses/shared-process';

reexecWithMemoryFlags();
