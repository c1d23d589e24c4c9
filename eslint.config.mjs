import nx from '@nx/eslint-plugin';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import tseslint from 'typescript-eslint';

const workspaceRoot = dirname(fileURLToPath(import.meta.url));
// Which kind of project may import which: the table of docs/architecture.md.
const { types, scopes, packageOwners, scopePackageOwners } = JSON.parse(
  readFileSync(join(workspaceRoot, 'tools/src/boundaries.json'), 'utf8'),
);
const TEST_FILES = ['**/*.spec.ts', '**/bench/**/*.ts', '**/*.bench.ts', '**/testing/**/*.ts'];

const packagesOfOthers = (owners, name) => {
  const all = new Set(Object.values(owners).flat());
  return [...all.difference(new Set(owners[name]))];
};

// Test and bench files may also use the testing projects.
const boundaries = ({ testFiles }) => {
  const constraints = (axis, table, owners) =>
    Object.entries(table).map(([name, allowed]) => ({
      sourceTag: `${axis}:${name}`,
      onlyDependOnLibsWithTags: [...allowed, ...(testFiles ? ['testing'] : [])].map((tag) => `${axis}:${tag}`),
      bannedExternalImports: packagesOfOthers(owners, name),
    }));
  return {
    '@nx/enforce-module-boundaries': [
      'error',
      {
        enforceBuildableLibDependency: false,
        allow: [],
        depConstraints: [
          ...constraints('type', types, packageOwners),
          ...constraints('scope', scopes, scopePackageOwners),
        ],
      },
    ],
  };
};

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '**/.nx/**', '**/tmp/**', '**/.data/**', 'libs/**/assembly/**'] },
  {
    files: ['**/*.{ts,mts}'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    plugins: { '@nx': nx },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: workspaceRoot } },
    rules: {
      ...boundaries({ testFiles: false }),
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { prefer: 'type-imports', fixStyle: 'inline-type-imports' },
      ],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/only-throw-error': 'error',
      // Interfaces here are records of functions, made by closures, not classes.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  { files: TEST_FILES, rules: boundaries({ testFiles: true }) },
  {
    files: ['**/*.spec.ts'],
    rules: { '@typescript-eslint/require-await': 'off' },
  },
  { files: ['tools/**/*.{ts,mts}', '**/bench/**/*.ts'], rules: { 'no-console': 'off' } },
);
