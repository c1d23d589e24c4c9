import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { WORKSPACE_ROOT } from './testing/scratch-workspace';

const read = (path: string) => readFileSync(join(WORKSPACE_ROOT, path), 'utf8');

interface Service {
  readonly build?: { readonly dockerfile: string; readonly target: string };
  readonly depends_on?: Readonly<Record<string, unknown>>;
  readonly read_only?: boolean;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
}

const base = parse(read('docker/compose.yaml'), { merge: true }) as Compose;
const staging = parse(read('docker/compose.staging.yaml'), { merge: true }) as Compose;
const stages = [...read('docker/Dockerfile').matchAll(/^FROM \S+ AS (\S+)$/gm)].map(([, stage]) => stage);

describe('the containers', () => {
  it.each([
    ['docker/compose.yaml', base],
    ['docker/compose.staging.yaml', staging],
  ])('%s follows the Compose schema', (_path, compose) => {
    const schema = JSON.parse(read('node_modules/dclint/schemas/compose.schema.json')) as { $schema: string };
    // It names draft 7 by an https address, which Ajv knows under http.
    schema.$schema = 'http://json-schema.org/draft-07/schema#';
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
    expect({ valid: validate(compose), errors: validate.errors }).toEqual({ valid: true, errors: null });
  });

  it('are built from stages that exist, with a root file system that is read-only', () => {
    for (const service of Object.values(base.services)) {
      expect(stages).toContain(service.build?.target);
      expect(service.read_only).toBe(true);
    }
  });

  it('wait for services that exist', () => {
    const names = Object.keys({ ...base.services, ...staging.services });
    for (const service of [...Object.values(base.services), ...Object.values(staging.services)])
      for (const awaited of Object.keys(service.depends_on ?? {})) expect(names).toContain(awaited);
  });
});
