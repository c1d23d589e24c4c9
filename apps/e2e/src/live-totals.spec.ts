import { afterEach, describe, expect, it } from '@jest/globals';
import { freePort, makeTempDirectory, startApp, stopAll, until } from '@pulses/testing-processes';
import { startRedis } from '@pulses/testing-services';
import { exactUnits, pulseLine, startSystem, sumsOf, sumsOfLines, type Pulse } from '@pulses/testing-system';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { publishLines, readLines } from './testing/line-client';

const PULSES: Pulse[] = Array.from({ length: 300 }, (_, index) => ({
  tenant: index % 3 === 0 ? 'acme' : 'a.b',
  sku: `sku-${index % 5}`,
  unit: 'h',
  amount: `${index % 7 === 0 ? '-' : ''}${index}.000000000000000000000000000${index % 9}1`,
}));

describe('the open window', () => {
  afterEach(stopAll);

  const live = async (httpPort: number, args: readonly string[] = []) => {
    const app = startApp({
      app: 'cli',
      args: ['totals', '--live', `--ingestor-http=127.0.0.1:${httpPort}`, '--json', ...args],
    });
    const { code } = await app.exited;
    return { code, lines: app.stdout.split('\n').slice(0, -1), stderr: app.stderr };
  };

  const windowAt = async (httpPort: number, query = '') =>
    (await (await fetch(`http://127.0.0.1:${httpPort}/windows/current${query}`)).json()) as {
      next_offset?: number;
      sums: { total_amount: string }[];
    };

  it.each(['memory', 'redis'])(
    'has exact totals from the engine %s while it is open, also after a crash',
    async (engine) => {
      const redis = engine === 'redis' ? await startRedis({ own: true }) : undefined;
      const system = await startSystem({
        ingestorArgs: [
          '--flush-interval=1d',
          `--engine=${engine}`,
          ...(redis === undefined ? [] : [`--redis-url=${redis.url}`]),
        ],
      });
      expect(await live(system.ingestorHttpPort)).toEqual({ code: 0, lines: [], stderr: '' });
      await publishLines(system.port, 'source.pulses', PULSES.map(pulseLine));
      const ofAcme = PULSES.filter(({ tenant }) => tenant === 'acme');
      for (let round = 0; round < 2; round += 1) {
        await readLines(system.port, 'tenants.acme.grouped.pulses', ofAcme.length);
        await readLines(system.port, 'tenants.a%2Eb.grouped.pulses', PULSES.length - ofAcme.length);
        // After a crash the window is read again first.
        await until(async () => (await windowAt(system.ingestorHttpPort)).next_offset === PULSES.length);
        const all = await live(system.ingestorHttpPort);
        expect(all).toMatchObject({ code: 0, stderr: '' });
        expect(sumsOfLines(all.lines, 'total_amount')).toEqual(sumsOf(PULSES));
        const acme = await live(system.ingestorHttpPort, ['--tenant=acme', '--sku=sku-0']);
        expect(sumsOfLines(acme.lines, 'total_amount')).toEqual(sumsOf(ofAcme.filter(({ sku }) => sku === 'sku-0')));
        await system.restart('ingestor', 'SIGKILL');
      }
      await until(async () => (await windowAt(system.ingestorHttpPort)).next_offset === PULSES.length);
      const { sums } = await windowAt(system.ingestorHttpPort, '?tenant=acme');
      expect(sums.reduce((units, { total_amount }) => units + exactUnits(total_amount), 0n)).toBe(
        ofAcme.reduce((units, { amount }) => units + exactUnits(amount), 0n),
      );
      await system.stop();
      await redis?.stop();
    },
  );

  it('has no totals without the token of the ingestor, which can change', async () => {
    const directory = await makeTempDirectory();
    const tokenFile = join(directory.path, 'token');
    await writeFile(tokenFile, 'tök€n of 1');
    const system = await startSystem({ ingestorArgs: [`--auth-token-file=${tokenFile}`] });
    const asked = `the ingestor at http://127.0.0.1:${system.ingestorHttpPort} asks for`;
    expect(await live(system.ingestorHttpPort)).toEqual({
      code: 1,
      lines: [],
      stderr: `pulses: ${asked} a token; use --auth-token-file\n`,
    });
    const withFile = () => live(system.ingestorHttpPort, [`--auth-token-file=${tokenFile}`]);
    expect(await withFile()).toMatchObject({ code: 0, stderr: '' });
    await writeFile(tokenFile, 'tök€n of 2');
    expect(await withFile()).toMatchObject({ code: 1, stderr: `pulses: ${asked} another token\n` });
    system.ingestor.signal('SIGHUP');
    await until(async () => (await withFile()).code === 0);
    await system.stop();
    await directory.remove();
  });

  it('has no totals where no ingestor answers', async () => {
    const port = await freePort();
    const { code, stderr } = await live(port);
    expect(code).toBe(1);
    expect(stderr).toBe(`pulses: no ingestor answers at http://127.0.0.1:${port}\n`);
  });
});
