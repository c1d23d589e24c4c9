// A change that can't be taken back is confirmed: by a flag, or by a person at a terminal.

import { PulsesError } from '@pulses/shared-errors';
import { booleanSetting } from '@pulses/shared-settings';
import type { Terminal } from './terminal';
import { visibleText } from './visible-text';

export const confirmationSettings = {
  yes: booleanSetting({ flag: 'yes', description: 'Confirms the change. Without it a terminal is asked.' }),
};

/**
 * False when a person does not answer with yes: nothing is to change then.
 * @param change as in "moves p to 7"
 * @throws PulsesError CONFIG_INVALID without the flag where there is no person to ask
 */
export async function isConfirmed(
  { yes }: { readonly yes: boolean },
  terminal: Pick<Terminal, 'ask' | 'canAsk' | 'note'>,
  change: string,
): Promise<boolean> {
  if (yes) return true;
  if (!terminal.canAsk) throw new PulsesError('CONFIG_INVALID', `--yes is missing: it confirms that this ${change}`);
  const answer = await terminal.ask(visibleText(`This ${change}. Continue? [y/N] `));
  if (/^y(?:es)?$/i.test(answer.trim())) return true;
  terminal.note('nothing has changed');
  return false;
}
