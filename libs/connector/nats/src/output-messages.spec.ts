import { describe, expect, it } from '@jest/globals';
import { tenantColumns } from '@pulses/connector-api';
import fc from 'fast-check';
import { decodeJournal, encodeJournal, journaledCount } from './journal';
import { outputMessages } from './output-messages';

const lines = fc.array(fc.stringMatching(/^[a-z]{0,30}$/), { minLength: 1, maxLength: 20 });

const commitOf = (grouped: readonly (readonly string[])[], letters: readonly string[]) => ({
  grouped: tenantColumns(
    grouped.map((texts, index) => ({
      tenant: `t${index}`,
      recordCount: texts.length,
      payload: Buffer.from(texts.map((text) => `${text}\n`).join('')),
    })),
  ),
  aggregated: undefined,
  deadLetters: { recordCount: letters.length, payload: Buffer.from(letters.map((text) => `${text}\n`).join('')) },
  positions: new Map(),
});

describe('the messages of a commit', () => {
  it('are, one after another, the lines of each subject, and none is above the limit', () => {
    fc.assert(
      fc.property(
        fc.array(lines, { maxLength: 5 }),
        lines,
        fc.integer({ min: 1, max: 50 }),
        (grouped, letters, max) => {
          const messages = outputMessages(commitOf(grouped, letters), 'dead', max);
          const bySubject = new Map<string, { text: string; lineCount: number }>();
          for (const { subject, lineCount, body } of messages) {
            expect(body.byteLength).toBeLessThanOrEqual(max);
            const { text, lineCount: before } = bySubject.get(subject) ?? { text: '', lineCount: 0 };
            bySubject.set(subject, {
              text: text + Buffer.from(body).toString(),
              lineCount: before + lineCount,
            });
          }
          const expected = [
            ...grouped.map((texts, index) => [`tenants.t${index}.grouped.pulses`, texts] as const),
            ['dead', letters] as const,
          ];
          expect([...bySubject]).toEqual(
            expected.map(([subject, texts]) => [
              subject,
              { text: texts.map((text) => `${text}\n`).join(''), lineCount: texts.length },
            ]),
          );
        },
      ),
    );
  });

  it('hold whole lines wherever a line fits', () => {
    const [first, second] = outputMessages(commitOf([['aaaa', 'bbbb', 'cc']], ['d']), 'dead', 12);
    expect([first, second].map((message) => Buffer.from(message?.body ?? []).toString())).toEqual([
      'aaaa\nbbbb\n',
      'cc\n',
    ]);
  });
});

describe('the journal of a commit', () => {
  it('gives back the messages, however it was cut', () => {
    const message = fc.record({
      subject: fc.string({ minLength: 1, maxLength: 20 }),
      lineCount: fc.nat(1_000),
      body: fc.uint8Array({ maxLength: 40 }),
    });
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 100 }), (all, max) => {
        const chunks = encodeJournal(all, max);
        for (const chunk of chunks) expect(chunk.byteLength).toBeLessThanOrEqual(max);
        const decoded = decodeJournal(chunks);
        expect(decoded.map(({ body, ...rest }) => ({ ...rest, body: [...body] }))).toEqual(
          all.map(({ body, ...rest }) => ({ ...rest, body: [...body] })),
        );
      }),
    );
  });

  it('holds as few messages as a batch has no room for', () => {
    const message = fc.record({
      subject: fc.string({ minLength: 1, maxLength: 20 }),
      lineCount: fc.nat(1_000),
      body: fc.uint8Array({ maxLength: 40 }),
    });
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 2, max: 30 }),
        fc.integer({ min: 10, max: 300 }),
        (all, messagesMax, max) => {
          const fits = (count: number) =>
            all.length - count + encodeJournal(all.slice(all.length - count), max).length + 1 <= messagesMax;
          const expected = all.map((_, index) => index + 1).find(fits) ?? all.length;
          expect(journaledCount(all, messagesMax, max)).toBe(expected);
        },
      ),
    );
  });

  it('is refused when its end is missing', () => {
    const [chunk = new Uint8Array()] = encodeJournal([{ subject: 's', lineCount: 1, body: Buffer.from('x\n') }], 100);
    for (const length of [1, 9, 10, chunk.byteLength - 1])
      expect(() => decodeJournal([chunk.subarray(0, length)])).toThrow(/ends in the middle/);
  });
});
