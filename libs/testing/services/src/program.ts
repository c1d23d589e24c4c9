// Programs that tests need and npm does not provide: from the PATH, else unpacked from the distribution's packages.
//
// Guarantees: needs no root and changes only a cache directory below node_modules. Several test processes may ask
// concurrently. An unavailable program is an error with instructions, never a skipped test.

import { execFile } from 'node:child_process';
import { constants, globSync } from 'node:fs';
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const DOWNLOAD_MS_MAX = 120_000;

/** A program to find. */
export interface ProgramSource {
  /** Name on the PATH. */
  readonly program: string;
  /** Debian packages with the program and its libraries, except the C library. */
  readonly packages: readonly string[];
}

/** A program that can be started. */
export interface Program {
  readonly path: string;
  /** Additions to its environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** Finds the program and unpacks it if necessary. @throws Error with instructions to install it */
export async function provideProgram(source: ProgramSource): Promise<Program> {
  const installed = await onPath(source.program);
  if (installed !== undefined) return { path: installed, env: {} };
  const root = join(cacheDirectory(), source.program);
  try {
    await access(root);
  } catch {
    await unpack(source, root);
  }
  return unpacked(source, root);
}

/** The path of an installed program. */
export async function onPath(program: string): Promise<string | undefined> {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, program);
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}

/** The cache, below the node_modules that Node would search from the working directory. */
export function cacheDirectory(): string {
  return join(
    dirname(dirname(require.resolve('nx/package.json', { paths: [process.cwd()] }))),
    '.cache/pulses-services',
  );
}

function unpacked({ program }: ProgramSource, root: string): Program {
  const [path] = globSync(`usr/{bin,sbin}/${program}`, { cwd: root });
  // Debian's alternatives use other names, such as nc.openbsd.
  const [variant] = path === undefined ? globSync(`{usr/,}bin/${program}.*`, { cwd: root }) : [];
  const found = path ?? variant;
  if (found === undefined) throw new Error(`no ${program} in the packages unpacked to ${root}`);
  const libraries = globSync('{usr/,}lib/*-linux-gnu', { cwd: root });
  return {
    path: join(root, found),
    env: { LD_LIBRARY_PATH: libraries.map((library) => join(root, library)).join(delimiter) },
  };
}

async function unpack(source: ProgramSource, root: string): Promise<void> {
  await mkdir(dirname(root), { recursive: true });
  const work = await mkdtemp(`${root}-`);
  try {
    await download(source.packages, work);
    const out = join(work, 'root');
    for (const file of globSync('*.deb', { cwd: work })) await run('dpkg', ['-x', join(work, file), out]);
    await rename(out, root).catch((error: NodeJS.ErrnoException) => {
      // Another process was first.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } catch (error) {
    throw new Error(
      `${source.program} is needed for this test and is not on the PATH; unpacking ${source.packages.join(', ')} failed ` +
        `(${(error as Error).message.split('\n')[0] ?? ''}). To get it: apt-get install ${source.packages[0] ?? source.program}`,
      { cause: error },
    );
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Uses separate package lists and leaves those of the system unchanged. */
async function download(packages: readonly string[], directory: string): Promise<void> {
  for (const path of ['lists/partial', 'cache/archives/partial'])
    await mkdir(join(directory, path), { recursive: true });
  const options = [
    `Dir::State::lists=${join(directory, 'lists')}`,
    `Dir::Cache=${join(directory, 'cache')}`,
    'APT::Sandbox::User=',
  ].flatMap((option) => ['-o', option]);
  const limits = { cwd: directory, timeout: DOWNLOAD_MS_MAX };
  await run('apt-get', [...options, '-qq', 'update'], limits);
  await run('apt-get', [...options, '-qq', 'download', ...packages], limits);
}
