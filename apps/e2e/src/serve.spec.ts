import { afterEach, describe, expect, it } from '@jest/globals';
import {
  freePort,
  makeTempDirectory,
  until,
  untilAnswered,
  workspaceRoot,
  type TempDirectory,
} from '@pulses/testing-processes';
import { spawn, type ChildProcess } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readLines, subscribe } from './testing/line-client';

/** Ids of the processes whose environment holds `marker`. */
async function processesWith(marker: string): Promise<number[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    ids.map(async (id) =>
      (await readFile(`/proc/${id}/environ`, 'latin1').catch(() => '')).includes(marker) ? [Number(id)] : [],
    ),
  );
  return found.flat();
}

describe('nx serve ingestor', () => {
  let directory: TempDirectory;
  let nx: ChildProcess | undefined;

  afterEach(async () => {
    if (nx?.pid !== undefined && nx.exitCode === null && nx.signalCode === null) process.kill(-nx.pid, 'SIGKILL');
    await directory.remove();
  });

  it('starts broker, ingestor and load, and Ctrl-C leaves no process behind', async () => {
    directory = await makeTempDirectory();
    const [port, brokerHttp, ingestorHttp] = [await freePort(), await freePort(), await freePort()];
    const marker = `PULSES_E2E_MARKER=${port}`;
    nx = spawn(
      process.execPath,
      [
        join(workspaceRoot(), 'node_modules/.bin/nx'),
        'serve',
        'ingestor',
        '--stub',
        '--stub-tenants=2',
        `--port=${port}`,
        `--http-port=${ingestorHttp}`,
        '--flush-interval=1s',
      ],
      {
        cwd: workspaceRoot(),
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          ...process.env,
          PULSES_E2E_MARKER: String(port),
          PULSES_DATA_DIR: join(directory.path, 'data'),
          PULSES_BROKER_HTTP_PORT: String(brokerHttp),
          NX_TUI: 'false',
        },
      },
    );
    let output = '';
    for (const stream of [nx.stdout, nx.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
    const ended = new Promise((resolve) => nx?.once('exit', resolve));
    const endedEarly = ended.then((code) => Promise.reject(new Error(`nx has ended with ${String(code)}:\n${output}`)));
    await Promise.race([untilAnswered(() => readLines(port, 'source.pulses', 1)), endedEarly]);
    const topic = subscribe(port, 'tenants.tenant-1.grouped.pulses');
    await topic.until((lines) => lines.length >= 3);
    topic.close();
    await readLines(port, 'tenants.tenant-1.aggregated.pulses.amount', 1);
    expect((await processesWith(marker)).length).toBeGreaterThanOrEqual(4);

    // As a terminal does it: the whole foreground process group.
    if (nx.pid === undefined) throw new Error('nx did not start');
    process.kill(-nx.pid, 'SIGINT');
    await ended;
    await until(async () => (await processesWith(marker)).length === 0);
    expect(await processesWith(marker)).toEqual([]);
  });
});
