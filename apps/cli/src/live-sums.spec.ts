import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { readLiveSums } from './live-sums';

const SUM = { tenant_id: 't', product_sku: 's', use_unit: 'u', total_amount: '1.5', pulse_count: 2 };

describe('the sums of the open window', () => {
  it('are those of every partition, where the source has some', async () => {
    answer({
      partitions: [
        { partition: 0, sums: [SUM] },
        { partition: 3, cut: false, sums: [SUM, SUM] },
      ],
    });
    expect(await readLiveSums('h:1', undefined)).toMatchObject([{ total: '4.5', pulseCount: 6 }]);
    answer({
      partitions: [
        { partition: 0, sums: [SUM] },
        { partition: 3, cut: true, sums: [SUM] },
      ],
    });
    await expect(readLiveSums('h:1', undefined)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('come with a line for each partition whose sums are missing', async () => {
    answer({
      partitions: [{ partition: 0, sums: [SUM] }],
      missing: [
        { partition: 1, state: 'connecting', reason: 'nobody answers' },
        { partition: 2, state: 'active' },
      ],
    });
    const notes: string[] = [];
    expect(await readLiveSums('h:1', undefined, undefined, (text) => notes.push(text))).toHaveLength(1);
    expect(notes).toEqual(['without the partition 1: connecting (nobody answers)', 'without the partition 2: active']);
  });

  it('of a key that several partitions have are added up exactly, apart from other keys', async () => {
    const small = { ...SUM, total_amount: '0.000000000000000000000000000001', pulse_count: 1 };
    const large = { ...SUM, total_amount: '99999999999999999999', pulse_count: 3 };
    const negative = { ...SUM, use_unit: 'v', total_amount: '-2.5' };
    answer({
      partitions: [
        { partition: 0, sums: [large, negative] },
        { partition: 1, sums: [] },
        { partition: 2, sums: [{ ...negative, total_amount: '0.5' }, small] },
      ],
    });
    expect(await readLiveSums('h:1', 't')).toEqual([
      {
        tenantId: 't',
        productSku: 's',
        useUnit: 'u',
        total: '99999999999999999999.000000000000000000000000000001',
        pulseCount: 4,
      },
      { tenantId: 't', productSku: 's', useUnit: 'v', total: '-2', pulseCount: 4 },
    ]);
  });

  const answer = (body: object, status = 200) =>
    jest.spyOn(globalThis, 'fetch').mockResolvedValue(Response.json(body, { status }));

  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('are what the ingestor answers', async () => {
    answer({ cut: false, sums: [SUM] });
    expect(await readLiveSums('h:1', undefined)).toEqual([
      { tenantId: 't', productSku: 's', useUnit: 'u', total: '1.5', pulseCount: 2 },
    ]);
  });

  it.each([
    [undefined, /^--live: the open window has more than 1 sums, .*; allowed: with --tenant$/],
    ['t', /^--live: the open window has more than 1 sums of the tenant, .*; allowed: without --live/],
  ])('are refused for good when an answer cannot hold them: --tenant %s', async (tenant, message) => {
    answer({ cut: true, sums: [SUM] });
    await expect(readLiveSums('h:1', tenant)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message),
    });
  });

  it('are not taken from another program', async () => {
    answer({ hello: 'world' });
    await expect(readLiveSums('h:1', undefined)).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION' });
  });

  it('are asked for with the token, in the bytes of UTF-8', async () => {
    const fetched = answer({ sums: [] });
    expect(await readLiveSums('h:1', undefined, 'tök€n')).toEqual([]);
    const [, init] = fetched.mock.calls[0] ?? [];
    const shown = new Headers(init?.headers).get('authorization') ?? '';
    expect(Buffer.from(shown, 'latin1').toString()).toBe('Bearer tök€n');
  });

  it.each([
    [undefined, 'the ingestor at http://h:1 asks for a token; use --auth-token-file'],
    ['wrong', 'the ingestor at http://h:1 asks for another token'],
  ])('need the token of the ingestor, not %s', async (token, message) => {
    answer({}, 401);
    await expect(readLiveSums('h:1', undefined, token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED', message });
  });

  it('need a name of the ingestor', async () => {
    answer({}, 421);
    await expect(readLiveSums('h:1', undefined)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/^--ingestor-http: 'h:1' is no name .*--http-allowed-hosts$/),
    });
  });

  it('need an ingestor that is active', async () => {
    answer({ reason: 'standby' }, 503);
    await expect(readLiveSums('h:1', undefined)).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      message: 'the ingestor at http://h:1 has no answer: standby',
    });
  });
});
