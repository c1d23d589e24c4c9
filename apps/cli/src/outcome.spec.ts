import { describe, expect, it } from '@jest/globals';
import { writeOutcome } from './outcome';

const written = async (isInteractive: boolean, asJson: boolean): Promise<string> => {
  let output = '';
  const write = (data: string | Uint8Array) => {
    output += data.toString();
    return Promise.resolve();
  };
  await writeOutcome({ isInteractive, write }, { asJson, json: { deleted: 'g' }, text: 'g\u001b deleted' });
  return output;
};

describe('the outcome of a change', () => {
  it('is a line of text on a terminal, without control characters', async () => {
    expect(await written(true, false)).toBe('g\\u{1b} deleted\n');
  });

  it('is JSON elsewhere, and where it is asked for', async () => {
    expect(await written(false, false)).toBe('{"deleted":"g"}\n');
    expect(await written(true, true)).toBe('{"deleted":"g"}\n');
  });
});
