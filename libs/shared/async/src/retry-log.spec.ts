import { describe, expect, it } from '@jest/globals';
import { PulsesError } from '@pulses/shared-errors';
import { createSimClock } from '@pulses/testing-sim';
import { REPEATED_AFTER_MS, retryLog } from './retry-log';

const REFUSED = new PulsesError('CONNECTION_LOST', 'refused');
const OTHER = new PulsesError('NOT_A_BROKER', 'an HTTP server');

function openLog() {
  const clock = createSimClock();
  const lines: string[] = [];
  const write = (level: string) => (fields: object, message: string) => {
    const { reason, attempt } = fields as { reason: string; attempt: number };
    lines.push(`${level} ${message}: ${reason} (${attempt})`);
  };
  const note = retryLog({ warn: write('warn'), debug: write('debug') }, clock, 'retrying');
  const warnings = () => lines.filter((line) => line.startsWith('warn'));
  return {
    clock,
    lines,
    warnings,
    note: (error: unknown, attempt: number) => {
      note(error, attempt, 10.4);
    },
  };
}

describe('the log of a retry loop', () => {
  it('warns of a reason once while it stays the same; other attempts are debug lines', () => {
    const { lines, note } = openLog();
    for (const attempt of [1, 2, 3]) note(REFUSED, attempt);
    expect(lines).toEqual(['warn retrying: refused (1)', 'debug retrying: refused (2)', 'debug retrying: refused (3)']);
  });

  it('warns of each new reason once: servers that fail in turn are no news at each turn', async () => {
    const { clock, warnings, note } = openLog();
    [REFUSED, OTHER, OTHER, REFUSED, new Error('odd'), OTHER].forEach((error, index) => {
      note(error, index + 1);
    });
    expect(warnings()).toEqual([
      'warn retrying: refused (1)',
      'warn retrying: an HTTP server (2)',
      'warn retrying: Error: odd (5)',
    ]);
    await clock.advance(REPEATED_AFTER_MS);
    [REFUSED, OTHER, REFUSED].forEach((error, index) => {
      note(error, index + 7);
    });
    expect(warnings().slice(3)).toEqual(['warn retrying: refused (7)']);
  });

  it('keeps few reasons: texts that differ at each attempt do not fill the log', () => {
    const { warnings, note } = openLog();
    for (let attempt = 1; attempt <= 100; attempt += 1) note(new Error(`attempt ${attempt}`), attempt);
    expect(warnings()).toHaveLength(16);
  });

  it('warns again after a success', () => {
    const { warnings, note } = openLog();
    for (const attempt of [1, 2, 1]) note(REFUSED, attempt);
    expect(warnings()).toEqual(['warn retrying: refused (1)', 'warn retrying: refused (1)']);
  });

  it('warns of the same reason once in a while, with the count of attempts', async () => {
    const { clock, warnings, note } = openLog();
    for (let attempt = 1; attempt <= 61; attempt += 1) {
      note(REFUSED, attempt);
      await clock.advance(REPEATED_AFTER_MS / 30);
    }
    expect(warnings()).toEqual([
      'warn retrying: refused (1)',
      'warn retrying: refused (31)',
      'warn retrying: refused (61)',
    ]);
  });
});
