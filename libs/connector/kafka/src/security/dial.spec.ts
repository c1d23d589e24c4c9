import { describe, expect, it } from '@jest/globals';

describe('the library of the connections', () => {
  it('writes no requests, which hold passwords, also with DEBUG', async () => {
    const { DEBUG } = process.env;
    process.env['DEBUG'] = '*';
    try {
      const library = await import('@platformatic/kafka');
      const loggers = Object.values(library.loggers as Readonly<Record<string, { readonly enabled: boolean }>>);
      expect(loggers.map(({ enabled }) => enabled)).toContain(true);
      await import('./dial');
      expect(loggers.map(({ enabled }) => enabled)).not.toContain(true);
    } finally {
      if (DEBUG === undefined) delete process.env['DEBUG'];
      else process.env['DEBUG'] = DEBUG;
    }
  });
});
