import { describe, expect, it } from '@jest/globals';
import { createPrettyLines } from './pretty-lines';

const pretty = createPrettyLines({ isColoured: false });

function lineOf(fields: object, msg = 'slow consumer'): string {
  const head = { level: 'warn', time: '2026-11-30T17:24:24.141Z', service: 'broker', version: '0.1.0', pid: 7 };
  return `${JSON.stringify({ ...head, ...fields, msg })}\n`;
}

describe('a pretty log line', () => {
  it('has time, level, service, event and fields in one line', () => {
    expect(pretty(lineOf({ topic: 'source.pulses', waitMs: 12, at: { offset: 3 } }))).toMatch(
      /^\[\d\d:\d\d:24\.141\] WARN: broker: slow consumer \{"topic":"source\.pulses","waitMs":12,"at":\{"offset":3\}\}\n$/,
    );
  });

  it('shows the stack trace of an error line by line', () => {
    const stack = 'Error: broken\n    at start (main.ts:3:1)';
    const lines = pretty(lineOf({ err: { type: 'Error', message: 'broken', stack } })).split('\n');
    expect(lines.map((line) => line.trim())).toContain('at start (main.ts:3:1)');
  });

  it('has colours only when they are asked for', () => {
    const [plain, coloured] = [pretty(lineOf({})), createPrettyLines({ isColoured: true })(lineOf({}))];
    expect(plain).not.toContain('\u001b');
    expect(coloured).toContain('\u001b[33mWARN\u001b[39m');
  });

  it('lets no character of a value or a stack trace steer the terminal', () => {
    const characters = Array.from({ length: 0x2100 }, (_, code) => String.fromCharCode(code)).join('');
    for (const text of [characters, `\\${characters}`, [...characters].map((one) => `\\${one}`).join('')]) {
      const err = { type: 'Error', message: text, stack: `Error: ${text}\n    at x` };
      const shown = pretty(lineOf({ reason: text, err }, text));
      expect(/[^\P{Cc}\n\t]|[\u2028-\u202e\u2066-\u2069]/u.exec(shown)?.[0]).toBeUndefined();
    }
  });

  it('shows an escape that a value spells out as the value has it', () => {
    expect(pretty(lineOf({}, 'C:\\u001b\\path'))).toContain('C:\\u001b\\path');
  });
});
