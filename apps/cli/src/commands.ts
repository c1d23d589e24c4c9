// The commands, in the order in which the help lists them.

import type { Command } from './command';
import { auditCommand } from './commands/audit';
import { catCommand } from './commands/cat';
import { deadLettersCommand } from './commands/dead-letters';
import { deadLettersRedriveCommand } from './commands/dead-letters-redrive';
import { exportCommand } from './commands/export';
import { fsckCommand } from './commands/fsck';
import { groupsCommand } from './commands/groups';
import { groupsDeleteCommand } from './commands/groups-delete';
import { positionsCommand } from './commands/positions';
import { positionsDeleteCommand } from './commands/positions-delete';
import { positionsSetCommand } from './commands/positions-set';
import { produceCommand } from './commands/produce';
import { repairCommand } from './commands/repair';
import { sourceCommand } from './commands/source';
import { topicsCommand } from './commands/topics';
import { totalsCommand } from './commands/totals';

export const commands: readonly Command[] = [
  topicsCommand,
  catCommand,
  produceCommand,
  sourceCommand,
  totalsCommand,
  groupsCommand,
  groupsDeleteCommand,
  positionsCommand,
  positionsSetCommand,
  positionsDeleteCommand,
  deadLettersCommand,
  deadLettersRedriveCommand,
  auditCommand,
  exportCommand,
  fsckCommand,
  repairCommand,
];
