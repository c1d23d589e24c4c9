// The images and the Compose files, built and run by a container engine.
//
// Where there is no engine, or an image can neither be found nor pulled, tests show as skipped, with the reason.

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort, until } from '@pulses/testing-processes';
import { pulseLine } from '@pulses/testing-system';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ComposeProject } from './testing/compose-project';
import { faultOfImage, findEngine, type ContainerEngine } from './testing/container-engine';
import { publishLines } from './testing/line-client';

const BASE = 'docker/compose.yaml';
const STAGING = 'docker/compose.staging.yaml';
const MONITORING = 'docker/compose.monitoring.yaml';
const PULSES = 500;
const TIMEOUT_MS = 900_000;
const NAME = `pulses-test-${randomBytes(4).toString('hex')}`;
const CLI_IMAGE = `${NAME}-cli`;
const LINES = Array.from({ length: PULSES }, (_, index) =>
  pulseLine({
    tenant: 'outside',
    sku: 'vm',
    unit: 'hours',
    amount: index % 2 === 0 ? '0.1' : '12345678901234567890.2',
  }),
);

const found = findEngine();
const engine = 'missing' in found ? undefined : found;
const read = (path: string) => readFileSync(path, 'utf8');
const imageIn = (path: string) => /^(?:ARG NODE_IMAGE=| *image: )(\S+)/m.exec(read(path))?.[1] ?? '';
const report = (text: string) => process.stderr.write(`containers: ${text}\n`);

/** `it`, or `it.skip` where an image of these files is missing. */
function itWithImages(...paths: readonly string[]): typeof it.skip {
  const fault =
    'missing' in found ? found.missing : paths.map((path) => faultOfImage(found, imageIn(path))).find(Boolean);
  if (fault === undefined) return it;
  report(`skipped: ${fault}`);
  return it.skip;
}

class System {
  readonly project: ComposeProject;
  readonly #engine: ContainerEngine;
  readonly #brokerPort: number;
  #published = 0;

  constructor(container: ContainerEngine, project: ComposeProject, brokerPort: number) {
    this.#engine = container;
    this.project = project;
    this.#brokerPort = brokerPort;
  }

  /** Runs the command's image beside the services. */
  pulses(...args: readonly string[]) {
    const where = ['--rm', '--network', `${NAME}_pulses`, '--env', 'PULSES_HOST=broker'];
    return this.#engine.attempt('run', ...where, CLI_IMAGE, ...args);
  }

  async publish(): Promise<void> {
    await publishLines(this.#brokerPort, 'source.pulses', LINES);
    this.#published += PULSES;
  }

  /** Resolves once the grouped pulses have the exact sum of everything published from outside. */
  async summed(): Promise<void> {
    const count = BigInt(this.#published / 2);
    const tenths = count * 123_456_789_012_345_678_903n;
    const total = `${tenths / 10n}${tenths % 10n === 0n ? '' : `.${tenths % 10n}`}`;
    const expected = `"total_amount":${total},"pulse_count":${this.#published}`;
    await until(async () => (await this.pulses('totals', '--tenant=outside', '--json')).stdout.includes(expected));
    report(`${this.#published} pulses from outside sum up to ${total}`);
  }

  /** Ends a container by SIGTERM and starts it again. */
  async restart(service: string): Promise<void> {
    const name = await this.project.container(service);
    await this.#engine.run('stop', '--time', '15', name);
    expect(await this.project.stateOf(service)).toMatchObject({ running: false, exitCode: 0 });
    await this.#engine.run('start', name);
    await this.project.healthy(service);
    report(`${service} stopped with exit code 0 and is healthy again`);
  }
}

describe(`the images and Compose files, by ${engine?.version ?? 'no engine'}`, () => {
  let system: System | undefined;
  const runnable = engine !== undefined && itWithImages('docker/Dockerfile') === it;

  function systemOf(files: readonly string[], ports: { broker: number; prometheus?: number }): System {
    if (engine === undefined) throw new Error('no engine');
    system = new System(
      engine,
      new ComposeProject(engine, NAME, files, {
        PULSES_PUBLISHED_PORT: String(ports.broker),
        PROMETHEUS_PUBLISHED_PORT: String(ports.prometheus ?? 0),
        PULSES_REDIS_PASSWORD: randomBytes(12).toString('hex'),
      }),
      ports.broker,
    );
    return system;
  }

  beforeAll(async () => {
    if (engine === undefined || !runnable) return;
    const { project } = systemOf([BASE], { broker: 0 });
    await project.compose('build');
    await engine.run('build', '--file', 'docker/Dockerfile', '--target', 'cli', '--tag', CLI_IMAGE, '.');
    report(`${engine.version} built ${project.services.join(', ')} and cli`);
  }, TIMEOUT_MS);

  afterEach(async () => {
    await system?.project.compose('down', '--volumes');
  }, TIMEOUT_MS);

  afterAll(async () => {
    if (engine === undefined || !runnable) return;
    const built = (await engine.run('images', '--format', '{{.Repository}}'))
      .split('\n')
      .filter((image) => image.includes(NAME));
    await engine.run('rmi', ...new Set(built));
  }, TIMEOUT_MS);

  /** Starts the services, publishes, restarts, audits and stops them; `also` is what its files add. */
  async function proves(made: System, healthy: readonly string[], also: () => Promise<void>): Promise<void> {
    const { project } = made;
    await project.compose('up', '--detach');
    for (const service of healthy) await project.healthy(service);
    report(`${project.services.join(', ')} run; healthy: ${healthy.join(', ')}`);
    for (const service of ['broker', 'ingestor']) {
      expect((await project.exec(service, 'id', '-u')).stdout.trim()).toBe('10001');
      expect((await project.exec(service, 'touch', '/app/x')).stderr).toMatch(/Read-only file system/);
    }
    await made.publish();
    await made.summed();
    await made.restart('broker');
    await made.publish();
    await made.summed();
    await also();
    expect(await made.pulses('audit')).toMatchObject({ code: 0 });
    report('pulses audit found no difference');
    const running = await Promise.all(project.services.map((service) => project.stateOf(service)));
    for (const state of running) expect(state).toMatchObject({ running: true, restarts: 0, outOfMemory: false });
    await project.compose('stop');
    for (const service of project.services)
      expect(await project.stateOf(service)).toMatchObject({ running: false, exitCode: 0, restarts: 0 });
    report(`${project.services.join(', ')} ended with exit code 0`);
  }

  itWithImages('docker/Dockerfile')(
    'run a broker, an ingestor and a load that survive a restart of the broker',
    async () => {
      const made = systemOf([BASE], { broker: await freePort() });
      await proves(made, ['broker', 'ingestor'], () => Promise.resolve());
    },
    TIMEOUT_MS,
  );

  itWithImages('docker/Dockerfile', STAGING)(
    'keep the sums in a Redis that asks for its password and may restart',
    async () => {
      const made = systemOf([BASE, STAGING], { broker: await freePort() });
      await proves(made, ['redis', 'broker', 'ingestor'], async () => {
        const stranger = await made.project.exec('redis', 'sh', '-c', 'unset REDISCLI_AUTH; redis-cli keys "*"');
        expect(stranger.stdout).toContain('NOAUTH');
        await made.restart('redis');
        await made.publish();
        await made.summed();
      });
    },
    TIMEOUT_MS,
  );

  itWithImages('docker/Dockerfile', MONITORING)(
    'let Prometheus scrape both services and load the alerts',
    async () => {
      const prometheus = await freePort();
      const made = systemOf([BASE, MONITORING], { broker: await freePort(), prometheus });
      const ask = async (path: string) => (await fetch(`http://127.0.0.1:${prometheus}/api/v1/${path}`)).text();
      await proves(made, ['broker', 'ingestor'], async () => {
        const up = /"job":"(pulses-\w+)"[^}]*\},"value":\[[\d.]+,"1"\]/g;
        const jobs = async () => [...(await ask('query?query=up')).matchAll(up)].map(([, job]) => job).sort();
        await until(async () => (await jobs()).join() === 'pulses-broker,pulses-ingestor');
        const rules = await ask('rules');
        expect(rules).toContain('"type":"alerting"');
        expect(rules).not.toContain('"health":"err"');
        report('Prometheus scrapes pulses-broker and pulses-ingestor');
      });
    },
    TIMEOUT_MS,
  );
});
