// One Jest configuration for every project; the project is the --rootDir of the call. Targets call it through
// tools/src/run-specs.mts, which chooses the files.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const workspaceRoot = dirname(fileURLToPath(import.meta.url));
const { compilerOptions } = JSON.parse(readFileSync(join(workspaceRoot, 'tsconfig.base.json'), 'utf8'));

export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/', '\\.docs\\.spec\\.ts$'],
  // These packages have only ES modules.
  transformIgnorePatterns: ['/node_modules/(?!@platformatic/)'],
  transform: {
    '\\.lua$': join(workspaceRoot, 'tools/src/lua-text.cjs'),
    '^.+\\.m?ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2023' },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
    '/@platformatic/.+\\.js$': ['@swc/jest', { jsc: { target: 'es2023' }, module: { type: 'commonjs' } }],
  },
  moduleNameMapper: {
    '^fast-check$': join(workspaceRoot, 'tools/src/seeded-fast-check.cjs'),
    ...Object.fromEntries(
      Object.entries(compilerOptions.paths).map(([name, [path]]) => [`^${name}$`, join(workspaceRoot, path)]),
    ),
  },
  // Specs run in a context of their own, where each look-up of a global is a call. As parameters they cost nothing: sums and
  // hashes take half the time.
  sandboxInjectedGlobals: [
    ...['Array', 'BigInt', 'Buffer', 'DataView', 'JSON', 'Map', 'Math', 'Number', 'Object', 'Promise', 'Set', 'String'],
    ...['Float64Array', 'Int32Array', 'Uint32Array', 'Uint8Array'],
  ],
  // A guard against a hang, not a measure. Specs that take longer name a limit of their own.
  testTimeout: 60_000,
};
