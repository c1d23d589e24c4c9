// The commands, in the order in which the help lists them.

import type { Command } from './command';
import { auditCommand } from './commands/audit';
import { catCommand } from './commands/cat';
import { fsckCommand } from './commands/fsck';
import { produceCommand } from './commands/produce';
import { repairCommand } from './commands/repair';
import { topicsCommand } from './commands/topics';
import { totalsCommand } from './commands/totals';

export const commands: readonly Command[] = [
  topicsCommand,
  catCommand,
  produceCommand,
  totalsCommand,
  auditCommand,
  fsckCommand,
  repairCommand,
];
