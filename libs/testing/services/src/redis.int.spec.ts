import { afterEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { startRedis, type RedisOptions, type RedisServer } from '.';
import { WATCHER_SCRIPT } from './server-process';

/** The answer of a server to a command, or 'gone'. */
function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => {
      resolve('gone');
    });
    socket.once('data', (chunk: Buffer) => {
      socket.destroy();
      resolve(chunk.toString());
    });
    socket.write(`${command}\r\n`);
  });
}

describe('a Redis for tests', () => {
  const servers: RedisServer[] = [];
  const start = async (options?: RedisOptions) => {
    const server = await startRedis({ own: true, ...options });
    servers.push(server);
    return server;
  };
  afterEach(async () => {
    delete process.env['REDIS_URL'];
    for (const server of servers.splice(0)) await server.stop();
  });

  it('has its own port, directory and prefix, and takes arguments', async () => {
    const [first, second] = await Promise.all([start({ args: ['--maxmemory', '7mb'] }), start()]);
    expect(
      new Set([first.port, second.port, first.directory, second.directory, first.keyPrefix, second.keyPrefix]).size,
    ).toBe(6);
    expect(first.url).toBe(`redis://127.0.0.1:${first.port}`);
    expect(await ask(first.port, 'CONFIG GET maxmemory')).toContain('7340032');
    expect(await ask(second.port, 'CONFIG GET maxmemory')).not.toContain('7340032');
  });

  it('ends at kill and stop, and keeps its files over a restart', async () => {
    const server = await start({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    expect(await ask(server.port, 'SET a kept')).toBe('+OK\r\n');
    await server.kill();
    expect(await ask(server.port, 'PING')).toBe('gone');
    await server.restart();
    expect(await ask(server.port, 'GET a')).toContain('kept');
    await server.stop();
    expect(await ask(server.port, 'PING')).toBe('gone');
    expect(existsSync(server.directory)).toBe(false);
  });

  it('reports why a server does not start', async () => {
    await expect(start({ args: ['--no-such-setting', '1'] })).rejects.toThrow(/no-such-setting/i);
  });

  it('is the one of REDIS_URL unless it must be its own, and is then never ended', async () => {
    process.env['REDIS_URL'] = 'redis://redis.example:7000';
    const shared = await startRedis();
    expect([shared.url, shared.port]).toEqual(['redis://redis.example:7000', 7000]);
    await expect(shared.kill()).rejects.toThrow(/cannot stop the Redis of REDIS_URL/);
    await shared.stop();
    expect((await start()).url).toMatch(/^redis:\/\/127\.0\.0\.1:/);
  });

  it('ends with a test process that is killed', async () => {
    const server = await start();
    // Another process holds the pipe of a watcher of this server.
    const holder = spawn(process.execPath, ['-e', HOLDER, WATCHER_SCRIPT, String(await pidOf(server.port))], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await once(holder.stdout, 'data');
    expect(await ask(server.port, 'PING')).toBe('+PONG\r\n');
    const closed = closing(server.port);
    holder.kill('SIGKILL');
    await closed;
    expect(await ask(server.port, 'PING')).toBe('gone');
  });
});

const HOLDER = `
const [script, pid] = process.argv.slice(1);
require('node:child_process').spawn('sh', ['-c', script, 'sh', 'kill', '-9', pid], { stdio: ['pipe', 'ignore', 'ignore'] });
console.log('held');
setInterval(() => {}, 1000);
`;

async function pidOf(port: number): Promise<number> {
  return Number(/process_id:(\d+)/.exec(await ask(port, 'INFO server'))?.[1]);
}

/** Resolves once the server drops a connection. */
function closing(port: number): Promise<unknown> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  // Not `once` of node:events, which rejects at an error: a killed server may reset the connection.
  return new Promise((resolve) => {
    socket.once('close', resolve);
  });
}
