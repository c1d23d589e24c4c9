// Another program at the broker's address: services wait for a broker, and say once what answers there instead.

import { afterEach, describe, expect, it } from '@jest/globals';
import { freePort, startApp, stopAll, type RunningApp } from '@pulses/testing-processes';
import { startBrokerProcess } from '@pulses/testing-system';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

interface LogLine {
  readonly level: string;
  readonly code?: string;
  readonly attempt?: number;
}

const failuresIn = (app: RunningApp): LogLine[] =>
  app.stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as LogLine)
    .filter(({ attempt }) => attempt !== undefined);

describe('services at the address of another server', () => {
  let other: Server;

  afterEach(async () => {
    await stopAll();
    other.close();
  });

  it.each(['ingestor', 'stub-generator'] as const)('name it once and find the broker later: %s', async (app) => {
    other = createServer((_request, response) => response.end()).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const http = app === 'ingestor' ? [`--http-port=${await freePort()}`] : ['--count=10', '--rate=max'];
    const service = startApp({ app, args: [`--port=${port}`, '--log-level=debug', ...http] });
    await service.waitForOutput(/"attempt":6\D/);
    const lines = failuresIn(service).slice(0, 6);
    expect(lines.map(({ level, attempt }) => [level, attempt])).toEqual([
      ['warn', 1],
      ['debug', 2],
      ['debug', 3],
      ['debug', 4],
      ['debug', 5],
      ['debug', 6],
    ]);
    expect(lines[0]).toMatchObject({ code: 'NOT_A_BROKER' });

    other.closeAllConnections();
    await new Promise((resolve) => other.close(resolve));
    const broker = await startBrokerProcess([`--port=${port}`]);
    if (app === 'ingestor') await service.waitForReady();
    else expect(await service.exited).toEqual({ code: 0, signal: null });
    await broker.stop();
  });
});
