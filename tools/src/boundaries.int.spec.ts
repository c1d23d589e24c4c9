import { beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { WORKSPACE_ROOT } from './testing/scratch-workspace';

type Probe = readonly [title: string, path: string, imported: string];

const FORBIDDEN: readonly Probe[] = [
  ['an adapter importing the broker storage', 'libs/connector/fs/src/probe.ts', '@pulses/broker-segment-log'],
  ['the pipeline importing an adapter', 'libs/stream/pipeline/src/probe.ts', '@pulses/connector-fs'],
  ['the broker server importing the client', 'libs/broker/server/src/probe.ts', '@pulses/broker-client'],
  ['the pipeline importing the client', 'libs/stream/pipeline/src/probe-client.ts', '@pulses/broker-client'],
  ['the client importing the broker storage', 'libs/broker/client/src/probe.ts', '@pulses/broker-segment-log'],
  ['the client importing an adapter', 'libs/broker/client/src/probe-adapter.ts', '@pulses/aggregation-memory'],
  [
    'the stub generator importing the broker storage',
    'apps/stub-generator/src/probe-log.ts',
    '@pulses/broker-segment-log',
  ],
  ['the audit importing an engine', 'libs/audit/src/probe.ts', '@pulses/aggregation-memory'],
  ['the ingestor importing an adapter', 'apps/ingestor/src/probe-adapter.ts', '@pulses/connector-fs'],
  ['the pipeline importing a registry', 'libs/stream/pipeline/src/probe-registry.ts', '@pulses/connector-registry'],
  ['a contract importing a utility', 'libs/shared/pulse-model/src/probe.ts', '@pulses/shared-node-platform'],
  ['the ingestor importing the broker server', 'apps/ingestor/src/probe.ts', '@pulses/broker-server'],
  ['the stub generator importing an engine', 'apps/stub-generator/src/probe.ts', '@pulses/aggregation-memory'],
  ['production code importing a test double', 'libs/broker/segment-log/src/probe.ts', '@pulses/testing-sim'],
  ['the end-to-end suite importing a feature', 'apps/e2e/src/probe.ts', '@pulses/broker-segment-log'],
  ['a connector importing the Redis client', 'libs/connector/fs/src/probe-redis.ts', 'ioredis'],
  ['a test library importing the Redis client', 'libs/testing/system/src/probe.ts', 'ioredis'],
  ['a feature importing the logging library', 'libs/broker/segment-log/src/probe-logger.ts', 'pino'],
];

const ALLOWED: readonly Probe[] = [
  ['the ingestor importing a registry', 'apps/ingestor/src/allowed.ts', '@pulses/connector-registry'],
  ['a registry importing an adapter', 'libs/connector/registry/src/allowed.ts', '@pulses/connector-fs'],
  ['an adapter importing the client', 'libs/connector/fs/src/allowed-client.ts', '@pulses/broker-client'],
  ['the audit importing the client', 'libs/audit/src/allowed.ts', '@pulses/broker-client'],
  ['an adapter importing a contract', 'libs/connector/fs/src/allowed.ts', '@pulses/broker-wire'],
  ['the service host importing the logging library', 'libs/shared/service-host/src/allowed.ts', 'pino'],
  ['an engine importing the Redis client', 'libs/aggregation/redis/src/allowed.ts', 'ioredis'],
  ['a bench importing the client of a peer', 'apps/bench/bench/allowed.ts', '@nats-io/jetstream'],
  ['a bench importing the Redis client', 'apps/bench/bench/allowed-redis.ts', 'ioredis'],
  ['a spec importing a test double', 'libs/broker/segment-log/src/allowed.spec.ts', '@pulses/testing-sim'],
];

describe('module boundaries', () => {
  let violations: ReadonlyMap<string, string>;

  beforeAll(() => {
    const probes = [...FORBIDDEN, ...ALLOWED].map(([, path, imported]) => [path, imported]);
    const printed = execFileSync(process.execPath, ['tools/src/testing/lint-imports.mts'], {
      cwd: WORKSPACE_ROOT,
      encoding: 'utf8',
      input: JSON.stringify(probes),
      env: { ...process.env, NX_DAEMON: 'false' },
    });
    const messages = JSON.parse(printed) as readonly string[];
    violations = new Map(probes.map(([path = ''], index) => [path, messages[index] ?? 'not linted']));
  }, 120_000);

  it.each(FORBIDDEN)('lint refuses %s', (_title, path) => {
    expect(violations.get(path)).toMatch(/can only depend on|is not allowed to import|Circular dependency/);
  });

  it.each(ALLOWED)('lint accepts %s', (_title, path) => {
    expect(violations.get(path)).toBe('');
  });
});
