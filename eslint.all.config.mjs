// The rules of eslint.config.mjs for the whole workspace at once: one program for all files. A program for each project, as
// the projects' own lint has it, takes more than 4 GiB here.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import config from './eslint.config.mjs';

const workspaceRoot = dirname(fileURLToPath(import.meta.url));

export default [
  ...config,
  {
    files: ['**/*.{ts,mts}'],
    languageOptions: {
      parserOptions: { projectService: false, project: './tsconfig.json', tsconfigRootDir: workspaceRoot },
    },
  },
];
