import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isPulsesError } from '@pulses/shared-errors';
import { nodeClock, nodeNetwork } from '@pulses/shared-node-platform';
import {
  makeTempDirectory,
  startTestBroker,
  until,
  type TempDirectory,
  type TestBroker,
} from '@pulses/testing-processes';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createDialer } from './dialer';

const TOKEN = 'a token of the broker, long enough';

function onlyOverloaded(error: unknown): undefined {
  if (!isPulsesError(error, 'OVERLOADED')) throw error;
}

describe('a dialer', () => {
  let directory: TempDirectory;
  let broker: TestBroker;

  beforeEach(async () => {
    directory = await makeTempDirectory();
    const file = join(directory.path, 'token');
    await writeFile(file, TOKEN);
    broker = await startTestBroker([`--auth-token-file=${file}`]);
  });
  afterEach(async () => {
    await broker.stop();
    await directory.remove();
  });

  it('reads its address again when the token is refused, and gives up when it is still the same', async () => {
    const address = { host: '127.0.0.1', port: broker.port };
    const options = {
      ...address,
      token: 'the former token',
      network: nodeNetwork,
      clock: nodeClock,
      clientName: 'test',
    };
    const reads: string[] = [];
    const reread = (token: string) => () => {
      reads.push(token);
      return Promise.resolve({ ...address, token });
    };
    await expect(createDialer(options, reread(options.token))()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    const dial = createDialer(options, reread(TOKEN));
    for (let connections = 0; connections < 2; connections += 1) {
      // A wrong token lets the address rest for a moment.
      await until(async () => {
        const client = await dial().catch(onlyOverloaded);
        client?.close();
        return client !== undefined;
      });
    }
    expect(reads).toEqual([options.token, TOKEN]);
  });
});
