import { describe, expect, it } from '@jest/globals';
import { checkSource, groupSubjects, otherSourceStream } from './names';

describe('the streams and subjects of a group', () => {
  it('are those that other programs expect', () => {
    expect(groupSubjects('ingestor', 'source.pulses')).toEqual({
      stream: 'pulses-ingestor',
      all: [
        'tenants.*.grouped.pulses',
        'tenants.*.aggregated.pulses.amount',
        'source.pulses.dead-letter',
        'pulses.positions.ingestor.*',
        'pulses.journal.ingestor.*',
      ],
      deadLetters: 'source.pulses.dead-letter',
      position: 'pulses.positions.ingestor.source%2Epulses',
      journal: 'pulses.journal.ingestor.source%2Epulses',
      liveness: 'pulses.members.ingestor.source%2Epulses',
    });
  });

  it('keep any group in one token', () => {
    expect(groupSubjects('a b.*', 's').stream).toBe('pulses-a%20b%2E%2A');
  });

  it('are never those of a source', () => {
    expect(() => groupSubjects('source', 's')).toThrow(/--group: 'source' is not valid/);
    expect(otherSourceStream('other.pulses')).toBe('pulses-source=other%2Epulses');
  });
});

describe('a source', () => {
  it.each(['source.pulses', 'a', 'x_y-z.%1'])('may be %j', (source) => {
    expect(() => {
      checkSource(source);
    }).not.toThrow();
  });

  it.each([
    '',
    '.',
    'a..b',
    'a.',
    'a b',
    'a.*',
    'a.>',
    '$JS.API',
    'tenants.a.grouped.pulses',
    'pulses.x',
    'é'.repeat(250),
  ])('may not be %j', (source) => {
    expect(() => {
      checkSource(source);
    }).toThrow(/--source-topic: /);
  });
});
