// Small programs of a test's own as processes: for what only shows between two of them.

import { build } from 'esbuild';
import { join } from 'node:path';
import { startApp, workspaceRoot, type RunningApp, type StartOptions } from './running-app';

/** A program that can be started any number of times. */
export interface Program {
  /** The script, which runs with plain `node`. */
  readonly path: string;
  start(options?: Omit<StartOptions, 'app' | 'mainPath'>): RunningApp;
}

/**
 * Makes a program of TypeScript source, which may import the workspace's libraries.
 * @param directory where the script goes; the caller removes it
 */
export async function makeProgram(directory: string, source: string): Promise<Program> {
  const path = join(directory, 'program.js');
  await build({
    stdin: { contents: source, loader: 'ts', resolveDir: workspaceRoot() },
    outfile: path,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    tsconfig: join(workspaceRoot(), 'tsconfig.base.json'),
    logLevel: 'silent',
  });
  return { path, start: (options) => startApp({ ...options, app: 'program', mainPath: path }) };
}
