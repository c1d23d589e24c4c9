// One connection to the Redis node with a source's keys.
//
// Guarantees: a command is sent once. The client neither queues commands for a later connection nor reconnects by
// itself. Pending commands of a lost connection fail, and the owner decides what to do.

// Other projects include this file without the declaration beside it.
// eslint-disable-next-line @typescript-eslint/triple-slash-reference
/// <reference path="./scripts/lua.d.ts" />

import { PulsesError } from '@pulses/shared-errors';
import { Redis } from 'ioredis';
import addScript from './scripts/add.lua';
import dropScript from './scripts/drop.lua';
import openScript from './scripts/open.lua';
import readScript from './scripts/read.lua';
import sealScript from './scripts/seal.lua';
import type { RedisAddress } from './redis-address';
import { pulsesErrorOf, refusalOf } from './redis-failure';

type Argument = string | number | Buffer;

/** The scripts, with the keys and arguments that their headers list. */
export interface Scripts {
  open(keys: readonly string[], args: readonly Argument[]): Promise<string[]>;
  add(keys: readonly string[], args: readonly Argument[]): Promise<string>;
  seal(keys: readonly string[], args: readonly Argument[]): Promise<string>;
  read(keys: readonly string[], args: readonly Argument[]): Promise<Buffer[]>;
  drop(keys: readonly string[], args: readonly Argument[]): Promise<string>;
}

export interface RedisConnection {
  readonly redis: Redis;
  readonly scripts: Scripts;
  /** For logs and errors: host and port. */
  readonly place: string;
  /** Drops the connection and rejects its pending commands. */
  end(): void;
}

export interface ConnectionLimits {
  /** Time-out of connecting. */
  readonly connectMsMax: number;
  /** Time-out of a command. */
  readonly commandMsMax: number;
}

const REDIRECTIONS_MAX = 5;

/**
 * Connects. `onLost` is called once when the connection ends without `end`.
 * @throws PulsesError CONNECTION_LOST, TIMED_OUT, UNAUTHENTICATED, CONFIG_INVALID
 */
async function connectRedis(
  address: RedisAddress,
  { connectMsMax, commandMsMax }: ConnectionLimits,
  onLost: (error: PulsesError) => void,
): Promise<RedisConnection> {
  const { host, port, db, username, password, tls } = address;
  const place = `Redis at ${host}:${port}`;
  const redis = new Redis({
    host,
    port,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls: tls.caPem === undefined ? {} : { ca: tls.caPem } }),
    lazyConnect: true,
    connectTimeout: connectMsMax,
    commandTimeout: commandMsMax,
    // By default the client resends unanswered commands over the next connection, which would add twice.
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    disableClientInfo: true,
  });
  let cause: unknown;
  let isReady = false;
  let isClosed = false;
  let isEnded = false;
  redis.on('error', (error) => {
    cause ??= error;
  });
  redis.on('close', () => {
    isClosed = true;
    if (isReady && !isEnded) onLost(pulsesErrorOf(cause ?? new Error('the connection was closed'), place));
  });
  const end = () => {
    isEnded = true;
    // The client would wait for a socket that is already closed.
    if (!isClosed) redis.disconnect();
  };
  try {
    await redis.connect();
    // Given the index, the client would select it unchecked, and stay in database 0 when there is no such one.
    if (db !== 0) await redis.select(db);
  } catch (error) {
    end();
    // Redis has no word of its own for this reply.
    if (refusalOf(error) === 'ERR')
      throw new PulsesError(
        'CONFIG_INVALID',
        `--redis-url: ${place} has no database ${db} (${(error as Error).message})`,
      );
    throw pulsesErrorOf(cause ?? error, place);
  }
  isReady = true;
  return { redis, scripts: scriptsOf(redis), place, end };
}

/**
 * Sends a script's text with each call. By hash the call would fail after SCRIPT FLUSH, and pipelined later calls could
 * run first. The text costs Redis 1 % of a full call.
 */
function scriptsOf(redis: Redis): Scripts {
  return {
    open: (keys, args) => redis.eval(openScript, keys.length, ...keys, ...args) as Promise<string[]>,
    add: (keys, args) => redis.eval(addScript, keys.length, ...keys, ...args) as Promise<string>,
    seal: (keys, args) => redis.eval(sealScript, keys.length, ...keys, ...args) as Promise<string>,
    read: (keys, args) => redis.callBuffer('EVAL', readScript, keys.length, ...keys, ...args) as Promise<Buffer[]>,
    drop: (keys, args) => redis.eval(dropScript, keys.length, ...keys, ...args) as Promise<string>,
  };
}

/**
 * Connects and runs `first`. Follows a cluster's redirection and repeats both on that node.
 * @throws PulsesError of `connectRedis` or the command
 */
export async function connectToOwner<Result>(
  address: RedisAddress,
  limits: ConnectionLimits,
  onLost: (error: PulsesError) => void,
  first: (scripts: Scripts) => Promise<Result>,
): Promise<{ connection: RedisConnection; result: Result }> {
  let target = address;
  for (let redirections = 0; redirections <= REDIRECTIONS_MAX; redirections += 1) {
    const connection = await connectRedis(target, limits, onLost);
    try {
      return { connection, result: await first(connection.scripts) };
    } catch (error) {
      connection.end();
      if (refusalOf(error) !== 'MOVED') throw pulsesErrorOf(error, connection.place);
      target = { ...target, ...endpointOf(error as Error) };
    }
  }
  throw new PulsesError('CONNECTION_LOST', `the cluster redirected ${REDIRECTIONS_MAX} times in a row`);
}

/** `MOVED <slot> <host>:<port>`; an empty host means the same one. */
function endpointOf({ message }: Error): { host?: string; port?: number } {
  const [, host = '', port = ''] = /^MOVED \d+ (.*):(\d+)$/.exec(message) ?? [];
  return { ...(host === '' ? {} : { host }), ...(port === '' ? {} : { port: Number(port) }) };
}
