// Small programs that a test writes and runs as processes, for behaviour between processes.

import { build } from 'esbuild';
import { join } from 'node:path';
import { startApp, workspaceRoot, type RunningApp, type StartOptions } from './running-app';

/** A program that can be started repeatedly. */
export interface Program {
  /** Path of the script, which plain `node` runs. */
  readonly path: string;
  start(options?: Omit<StartOptions, 'app' | 'mainPath'>): RunningApp;
}

/**
 * Bundles TypeScript source, which may import the libraries of the workspace.
 * @param directory for the script; the caller removes it
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
