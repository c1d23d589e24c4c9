// Two groups on one source: the outputs belong to one of them, until an operator hands them over.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp, stopAll, until } from '@pulses/testing-processes';
import { startBrokerProcess, type BrokerProcess } from '@pulses/testing-system';
import { startIngestor, type IngestorProcess } from './testing/ingestor-process';
import { readLines } from './testing/line-client';
import { startLoad, type SteadyLoad } from './testing/steady-load';
import { checkWhole } from './testing/whole-check';

const GROUPED = 'tenants.acme.grouped.pulses';

describe('the outputs of a source', () => {
  let broker: BrokerProcess;
  let load: SteadyLoad;

  const start = (group: string): Promise<IngestorProcess> =>
    startIngestor(broker.port, { args: ['--flush-interval=200ms', `--group=${group}`] });
  const cli = async (...args: string[]) => {
    const app = startApp({ app: 'cli', args: [...args, `--port=${broker.port}`] });
    const { code } = await app.exited;
    return { code, stdout: app.stdout, stderr: app.stderr };
  };

  beforeEach(async () => {
    broker = await startBrokerProcess();
    load = await startLoad(broker.port);
  });
  afterEach(async () => {
    await stopAll();
    await broker.stop();
  });

  it('belong to one of two groups that start at once, and the other ends with the name of the first', async () => {
    const [a, b] = await Promise.all([start('a'), start('b')]);
    const { exit, other, owner, name } = await Promise.race([
      a.app.exited.then((exit) => ({ exit, other: a, owner: b, name: 'b' })),
      b.app.exited.then((exit) => ({ exit, other: b, owner: a, name: 'a' })),
    ]);
    expect(exit).toEqual({ code: 2, signal: null });
    await owner.untilRole('active');
    expect(other.app.stderr).toContain(`the group '${name}' publishes the outputs of source.pulses`);
    load.send(500);
    const { differences } = await checkWhole(broker.port, load.lines.length);
    expect(differences).toEqual([]);
  });

  it('pass to another group by `pulses groups delete`, which starts where the first one ended', async () => {
    const first = await start('first');
    await first.untilRole('active');
    load.send(300);
    await readLines(broker.port, GROUPED, 50);
    const refused = await cli('groups', 'delete', 'first');
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('active member')]);

    first.app.signal('SIGKILL');
    await first.app.exited;
    load.send(300);
    await until(async () => (await cli('groups', 'delete', 'first')).code === 0);
    expect((await cli('groups', '--json')).stdout).toBe('');
    expect((await cli('groups', 'delete', 'first')).code).toBe(2);

    const second = await start('second');
    await second.untilRole('active');
    load.send(300);
    const { differences, sourceLines } = await checkWhole(broker.port, load.lines.length);
    expect(differences).toEqual([]);
    expect(sourceLines).toEqual(load.lines);
    expect((await cli('audit', '--group=second')).code).toBe(0);
    expect(JSON.parse((await cli('groups', '--json')).stdout)).toMatchObject({ sources: ['source.pulses'] });
  });
});
