import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { WORKSPACE_ROOT } from './testing/scratch-workspace';

const read = (path: string) => readFileSync(join(WORKSPACE_ROOT, path), 'utf8');

interface Service {
  readonly build?: { readonly dockerfile: string; readonly target: string };
  readonly image?: string;
  readonly depends_on?: Readonly<Record<string, unknown>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
}

const base = parse(read('docker/compose.yaml'), { merge: true }) as Compose;
const staging = parse(read('docker/compose.staging.yaml'), { merge: true }) as Compose;
const monitoring = parse(read('docker/compose.monitoring.yaml'), { merge: true }) as Compose;
const kafka = parse(read('docker/compose.kafka.yaml'), { merge: true }) as Compose;
const nats = parse(read('docker/compose.nats.yaml'), { merge: true }) as Compose;
const FILES = { base, staging, monitoring, kafka, nats };
/** The services as they are declared, without what another file adds to them. */
const declared = Object.values(FILES).flatMap(({ services }) =>
  Object.entries(services).filter(([, { build, image }]) => build !== undefined || image !== undefined),
);
const dockerfile = read('docker/Dockerfile');
const stages = [...dockerfile.matchAll(/^FROM \S+ AS (\S+)$/gm)].map(([, stage]) => stage);

describe('the containers', () => {
  it.each([
    ['docker/compose.yaml', base],
    ['docker/compose.staging.yaml', staging],
    ['docker/compose.monitoring.yaml', monitoring],
    ['docker/compose.kafka.yaml', kafka],
    ['docker/compose.nats.yaml', nats],
  ])('%s follows the Compose schema', (_path, compose) => {
    const schema = JSON.parse(read('node_modules/dclint/schemas/compose.schema.json')) as { $schema: string };
    // It names draft 7 by an https address, which Ajv knows under http.
    schema.$schema = 'http://json-schema.org/draft-07/schema#';
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
    expect({ valid: validate(compose), errors: validate.errors }).toEqual({ valid: true, errors: null });
  });

  it('are built from stages that exist', () => {
    const built = [base, kafka, nats].flatMap(({ services }) =>
      Object.values(services).flatMap(({ build }) => build ?? []),
    );
    for (const { target } of built) expect(stages).toContain(target);
  });

  it.each(declared)('%s has no rights it does not need, and limits', (_name, service) => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      init: true,
      mem_limit: expect.stringMatching(/^\d+m$/),
      pids_limit: expect.any(Number),
    });
  });

  it('use exact versions of images, by their full names', () => {
    const bases = [...dockerfile.matchAll(/^FROM (\S+) AS/gm)].map(([, image]) => image ?? '');
    expect([...new Set(bases.filter((name) => !stages.includes(name)))]).toEqual(['${NODE_IMAGE}']);
    const node = /^ARG NODE_IMAGE=(\S+)$/m.exec(dockerfile)?.[1];
    const images = declared.flatMap(([, { image }]) => image ?? []);
    // With the registry's name, since podman assumes none.
    for (const image of [node, ...images])
      expect(image).toMatch(/^docker\.io\/[\w/-]+:v?\d+\.\d+\.\d+(-[\w-]+)?(@sha256:[0-9a-f]{64})?$/);
  });

  it('check health without starting a Node', () => {
    const checks = dockerfile.match(/^HEALTHCHECK [^]*?CMD .*$/gm) ?? [];
    expect(checks.map((check) => /CMD .*$/.exec(check)?.[0])).toEqual([
      'CMD ["bash", "/app/health.sh", "9001"]',
      'CMD ["bash", "/app/health.sh", "9002"]',
    ]);
    // Engines of 2022, such as podman 4.3, refuse the newer flag.
    for (const check of checks) expect(check).not.toContain('--start-interval');
    expect(read('docker/Dockerfile.dockerignore')).toContain('!docker/health.sh\n');
  });

  it('start services with their memory flags, so that they need not start twice', () => {
    const source = read('libs/shared/process/src/memory-flags.ts');
    const flags = [...source.matchAll(/^ {2}'(--[^']+)',$/gm)].map(([, flag]) => flag);
    const variables = [...source.matchAll(/(MALLOC_\w+): '(\d+)'/g)].map(([, name, value]) => `${name}=${value}`);
    const service = /^FROM runtime AS service\n([^]*?)\n\n/m.exec(dockerfile)?.[1]?.replaceAll('\\\n', '') ?? '';
    const entry = /^ENTRYPOINT (.*)$/m.exec(service)?.[1] ?? '[]';
    expect(JSON.parse(entry)).toEqual(['node', ...flags, '/app/main.js']);
    expect(service).toContain(`ENV ${variables.join(' ')}\n`);
    for (const app of ['broker', 'ingestor']) expect(dockerfile).toContain(`\nFROM service AS ${app}\n`);
  });

  it('take the password of Redis from the environment only', () => {
    const asked = expect.stringMatching(/^\$\{PULSES_REDIS_PASSWORD:\?/);
    expect(staging.services['redis']?.environment).toEqual({ REDISCLI_AUTH: asked });
    expect(staging.services['ingestor']?.environment).toMatchObject({ PULSES_REDIS_PASSWORD: asked });
  });

  it('let Prometheus scrape the jobs that the alerts name', () => {
    const { rule_files, scrape_configs } = parse(read('docker/prometheus.yaml')) as {
      rule_files: string[];
      scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
    };
    expect(scrape_configs.map(({ job_name, static_configs }) => [job_name, static_configs[0]?.targets])).toEqual([
      ['pulses-broker', ['broker:9001']],
      ['pulses-ingestor', ['ingestor:9002']],
    ]);
    for (const name of ['broker', 'ingestor'])
      expect(monitoring.services[name]?.environment).toMatchObject({
        PULSES_HTTP_HOST: '0.0.0.0',
        PULSES_HTTP_ALLOWED_HOSTS: name,
      });
    for (const file of ['prometheus.yaml', ...rule_files])
      expect(monitoring.services['prometheus']?.volumes).toContain(`./${file}:/etc/prometheus/${file}:ro`);
  });

  it('run the same Kafka as the suites, with the time that windows need', () => {
    const version = /<kafka\.version>([\d.]+)</.exec(read('libs/testing/services/kafka/pom.xml'))?.[1];
    expect(kafka.services['kafka']?.image).toBe(`docker.io/apache/kafka:${version}`);
    expect(kafka.services['kafka']?.volumes).toContain('./kafka.properties:/etc/pulses/kafka.properties:ro');
    const properties = read('docker/kafka.properties');
    expect(properties).toContain('\nlog.message.timestamp.type=LogAppendTime\n');
    expect(properties).toContain('\nlog.retention.ms=-1\n');
    for (const name of ['ingestor', 'stub-generator'])
      expect(kafka.services[name]?.environment).toMatchObject({
        PULSES_CONNECTOR: 'kafka',
        PULSES_KAFKA_BROKERS: 'kafka:9092',
      });
  });

  it('wait for services that exist', () => {
    const names = declared.map(([name]) => name);
    for (const service of Object.values(FILES).flatMap(({ services }) => Object.values(services)))
      for (const awaited of Object.keys(service.depends_on ?? {})) expect(names).toContain(awaited);
  });
});
