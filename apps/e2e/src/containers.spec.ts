import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  bundlePath,
  freePort,
  makeTempDirectory,
  startApp,
  stopAll,
  workspaceRoot,
  type AppName,
  type TempDirectory,
} from '@pulses/testing-processes';
import { pulseLine } from '@pulses/testing-system';
import { chmod, chown, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { publishLines, readLines } from './testing/line-client';

// Any unprivileged user will do; only root can become another one.
const UNPRIVILEGED = 65_534;
const asImage = process.getuid?.() === 0 ? { uid: UNPRIVILEGED, gid: UNPRIVILEGED } : {};

const APPS: readonly AppName[] = ['broker', 'ingestor', 'stub-generator', 'cli'];

describe('the bundles as their images run them', () => {
  let directory: TempDirectory;
  let data: string;
  let nodePath: string;
  const main = (app: AppName) => join(directory.path, app, 'main.js');

  beforeAll(async () => {
    directory = await makeTempDirectory();
    await chmod(directory.path, 0o755);
    for (const app of APPS) {
      await mkdir(join(directory.path, app));
      await copyFile(bundlePath(app), main(app));
      await chmod(join(directory.path, app), 0o555);
    }
    // The test's own may lie where an unprivileged user can't reach it.
    nodePath = join(directory.path, 'node');
    await copyFile(process.execPath, nodePath);
    await chmod(nodePath, 0o755);
    data = join(directory.path, 'data');
    await mkdir(data, { mode: 0o700 });
    if (asImage.uid !== undefined) await chown(data, UNPRIVILEGED, UNPRIVILEGED);
  });
  afterAll(async () => {
    await stopAll();
    for (const app of APPS) await chmod(join(directory.path, app), 0o755);
    await directory.remove();
  });

  const start = (app: AppName, env: Record<string, string>, args: readonly string[] = []) =>
    startApp({ app, nodePath, mainPath: main(app), cwd: join(directory.path, app), env, args, ...asImage });

  it('work alone, unprivileged, by environment only, writing nothing but the data directory', async () => {
    const [port, brokerHttp, ingestorHttp] = [await freePort(), await freePort(), await freePort()];
    const address = { PULSES_HOST: '127.0.0.1', PULSES_PORT: String(port) };
    const broker = start('broker', { ...address, PULSES_HTTP_PORT: String(brokerHttp), PULSES_DATA_DIR: data });
    await broker.waitForReady();
    const ingestor = start('ingestor', {
      ...address,
      PULSES_HTTP_PORT: String(ingestorHttp),
      PULSES_FLUSH_INTERVAL: '1s',
    });
    await ingestor.waitForReady();
    await publishLines(port, 'source.pulses', [pulseLine({ tenant: 't', sku: 's', unit: 'u', amount: '1.5' })]);
    const [line = ''] = await readLines(port, 'tenants.t.aggregated.pulses.amount', 1);
    expect(line).toContain('"total_amount":1.5');
    const generator = start('stub-generator', { ...address, PULSES_COUNT: '10', PULSES_RATE: 'max' });
    expect((await generator.exited).code).toBe(0);
    const topics = start('cli', address, ['topics']);
    expect((await topics.exited).code).toBe(0);
    expect((await ingestor.stop()).code).toBe(0);
    expect((await broker.stop()).code).toBe(0);
  });

  it.each(['compose.yaml', 'compose.staging.yaml', 'compose.monitoring.yaml'])(
    'take every setting that %s gives them',
    async (file) => {
      const text = await readFile(join(workspaceRoot(), 'docker', file), 'utf8');
      const { services } = parse(text, { merge: true }) as {
        services: Record<string, { environment?: Record<string, string> }>;
      };
      let checked = 0;
      for (const app of APPS) {
        const variables = Object.keys(services[app]?.environment ?? {});
        if (variables.length === 0) continue;
        const help = start(app, {}, ['--help']);
        await help.exited;
        for (const variable of variables) {
          expect(help.stdout).toContain(variable);
          checked += 1;
        }
      }
      expect(checked).toBeGreaterThan(0);
    },
  );

  it('tell a Node that is too old which one they need', async () => {
    for (const app of APPS) {
      // The first statement decides by process.versions.node: stand in for an older one.
      const old = join(data, `${app}-old.js`);
      const source = await readFile(main(app), 'utf8');
      await writeFile(old, source.replace('process.versions.node', '"22.1.0"'));
      const run = startApp({ app, mainPath: old });
      expect((await run.exited).code).toBe(2);
      expect(run.stderr).toMatch(/^Node\.js 24 or newer is needed; this is [^\n]*\n$/);
    }
  });
});
