// A throw-away copy of the workspace with a git history of its own, for tests that change files or ask Nx what a
// change selects. It borrows node_modules; nothing is written outside its temporary directory.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Everything here runs from the root. */
export const WORKSPACE_ROOT = process.cwd();

/** Paths of the files that belong to the workspace, committed or not, but not ignored. */
export function workspaceFiles(): string[] {
  const listed = execFileSync(
    'git',
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'],
    {
      cwd: WORKSPACE_ROOT,
      encoding: 'utf8',
    },
  );
  const deleted = new Set(
    execFileSync('git', ['ls-files', '-z', '--deleted'], { cwd: WORKSPACE_ROOT, encoding: 'utf8' }).split('\0'),
  );
  return listed.split('\0').filter((path) => path !== '' && !deleted.has(path));
}

export interface ScratchWorkspace {
  readonly root: string;
  /** Writes a file below the root, making its directory. */
  write(path: string, text: string): void;
  /** Commits everything and answers the commit's id. */
  commit(message: string): string;
  /** Paths that differ from the last commit, new files too, in order. */
  changed(): string[];
  /** Runs a program of node_modules/.bin, or Node itself; answers its standard output, also after a failure. */
  run(program: string, args: readonly string[], env?: Readonly<Record<string, string>>): string;
  remove(): void;
}

/** Copies the workspace into a temporary directory and commits it there. */
export function createScratchWorkspace(): ScratchWorkspace {
  const root = mkdtempSync(join(tmpdir(), 'pulses-scratch-'));
  for (const path of workspaceFiles()) cpSync(join(WORKSPACE_ROOT, path), join(root, path));
  symlinkSync(join(WORKSPACE_ROOT, 'node_modules'), join(root, 'node_modules'));

  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@localhost', ...args], {
      cwd: root,
      encoding: 'utf8',
    }).trim();
  git('init', '--quiet', '--initial-branch=main');

  const scratch: ScratchWorkspace = {
    root,
    write(path, text) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    },
    commit(message) {
      git('add', '--all');
      git('commit', '--quiet', '--message', message);
      return git('rev-parse', 'HEAD');
    },
    changed() {
      return git('status', '--porcelain', '--untracked-files=all')
        .split('\n')
        .map((line) => line.trim().replace(/^\S+ /, ''))
        .sort();
    },
    run(program, args, env = {}) {
      const script = program === 'node' ? [] : [join(root, 'node_modules/.bin', program)];
      try {
        return execFileSync(process.execPath, [...script, ...args], {
          cwd: root,
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
          env: { ...process.env, NX_DAEMON: 'false', NX_TUI: 'false', ...env },
          maxBuffer: 64 * 1024 * 1024,
        });
      } catch (error) {
        const { stdout } = error as { stdout?: string };
        if (stdout === undefined) throw error;
        return stdout;
      }
    },
    remove() {
      rmSync(root, { recursive: true, force: true });
    },
  };
  scratch.commit('start');
  return scratch;
}
