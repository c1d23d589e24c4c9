import { describe, expect, it } from '@jest/globals';
import { isConfirmed } from './confirmation';

function terminalWith(answer: string | undefined) {
  const shown: string[] = [];
  return {
    shown,
    canAsk: answer !== undefined,
    ask: (question: string) => {
      shown.push(question);
      return Promise.resolve(answer ?? '');
    },
    note: (text: string) => void shown.push(text),
  };
}

describe('a change that has to be confirmed', () => {
  it.each(['y', 'Y', 'yes', ' yes '])('is made when a person answers with %j', async (answer) => {
    const terminal = terminalWith(answer);
    expect(await isConfirmed({ yes: false }, terminal, 'deletes \u001b[2Jp')).toBe(true);
    expect(terminal.shown).toEqual([expect.stringMatching(/^This deletes [^\u001b]*p\. Continue\? \[y\/N\] $/)]);
  });

  it.each(['', 'n', 'no', 'yep'])('is not made when a person answers with %j', async (answer) => {
    const terminal = terminalWith(answer);
    expect(await isConfirmed({ yes: false }, terminal, 'deletes p')).toBe(false);
    expect(terminal.shown.at(-1)).toBe('nothing has changed');
  });

  it('asks no one when it is confirmed by the flag', async () => {
    const terminal = terminalWith('n');
    expect(await isConfirmed({ yes: true }, terminal, 'deletes p')).toBe(true);
    expect(terminal.shown).toEqual([]);
  });

  it('is refused without the flag where there is no person', async () => {
    const asked = isConfirmed({ yes: false }, terminalWith(undefined), 'deletes p');
    await expect(asked).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(asked).rejects.toThrow('--yes is missing: it confirms that this deletes p');
  });
});
