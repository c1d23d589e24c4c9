import { describe, expect, it } from '@jest/globals';
import type { KafkaSecurity } from './security';
import { SecuritySource } from './security-source';

const withPassword = (password: string): KafkaSecurity => ({ sasl: { mechanism: 'PLAIN', username: 'u', password } });

describe('the security of new connections', () => {
  it('is read again for each', async () => {
    const reads = ['second', 'third'];
    const source = new SecuritySource(withPassword('first'), () => Promise.resolve(withPassword(reads.shift() ?? '')));
    expect(await source.current()).toEqual(withPassword('second'));
    expect(await source.current()).toEqual(withPassword('third'));
  });

  it('stays what it was while it can not be read', async () => {
    const source = new SecuritySource(withPassword('first'), () => Promise.reject(new Error('gone')));
    expect(await source.current()).toEqual(withPassword('first'));
  });

  it('is read once for all that ask at the same time', async () => {
    let reads = 0;
    const source = new SecuritySource({}, () => Promise.resolve(withPassword(String((reads += 1)))));
    expect(await Promise.all([source.current(), source.current()])).toEqual([withPassword('1'), withPassword('1')]);
  });
});
