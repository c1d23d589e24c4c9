import { describe, expect, it } from '@jest/globals';
import { until, untilAnswered } from './until';

describe('waiting', () => {
  it('ends once the condition holds', async () => {
    let asked = 0;
    await until(() => (asked += 1) === 3);
    await until(async () => Promise.resolve((asked += 1) === 5));
    expect(asked).toBe(5);
  });

  it('gives up after its limit, and names the condition', async () => {
    let asked = 0;
    await expect(until(() => (asked += 1) < 0, 20)).rejects.toThrow(/^waited 0.02 s in vain: .*asked/);
    const askedThen = asked;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(asked).toBe(askedThen);
  });

  it('passes on an error of the condition', async () => {
    await expect(until(() => Promise.reject(new Error('gone')))).rejects.toThrow('gone');
  });

  it('resolves to the first answer, or rejects with the last failure', async () => {
    let asked = 0;
    const ask = async () => {
      asked += 1;
      if (asked < 3) return Promise.reject(new Error(`no answer to ${asked}`));
      return Promise.resolve('answer');
    };
    expect(await untilAnswered(ask)).toBe('answer');
    await expect(untilAnswered(() => Promise.reject(new Error('nobody is there')), 20)).rejects.toThrow(
      'nobody is there',
    );
  });
});
