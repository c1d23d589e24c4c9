// A container engine with Compose: docker, else podman with podman-compose.

import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CANDIDATES = [
  { name: 'docker', compose: ['docker', 'compose'] },
  { name: 'podman', compose: ['podman-compose'] },
] as const;
const ANSWER_MS_MAX = 30_000;
/** A build installs all packages first. */
const COMMAND_MS_MAX = 600_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
/** Podman drops health checks from images of its own format. */
const ENV = { BUILDAH_FORMAT: 'docker' };

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ContainerEngine {
  /** `docker` or `podman`. */
  readonly name: string;
  /** What it says of itself. */
  readonly version: string;
  /** Runs a command of the engine, in the working directory. @throws Error with its output when it fails */
  run(...args: readonly string[]): Promise<string>;
  /** The same, with a code instead of an error. */
  attempt(...args: readonly string[]): Promise<Output>;
  /** Runs Compose with variables of the files. @throws Error with its output when it fails */
  compose(args: readonly string[], env: Readonly<Record<string, string>>): Promise<string>;
}

/** Resolves at once: specs decide by it which tests to skip. Answers the reason when there is none. */
export function findEngine(): ContainerEngine | { readonly missing: string } {
  const reasons: string[] = [];
  for (const candidate of CANDIDATES) {
    const [composeProgram, ...composeArgs] = candidate.compose;
    try {
      ask(candidate.name, ['info']);
      const version = `${ask(candidate.name, ['--version'])}, ${ask(composeProgram, [...composeArgs, 'version'])}`;
      return engineOf(candidate.name, candidate.compose, version);
    } catch (error) {
      reasons.push(`${candidate.name}: ${firstLineOf(error)}`);
    }
  }
  return { missing: `no container engine with Compose (${reasons.join('; ')})` };
}

/** Whether an image is there or can be pulled: undefined, or the reason why not. */
export function faultOfImage({ name }: ContainerEngine, image: string): string | undefined {
  try {
    ask(name, ['image', 'inspect', '--format', '{{.Id}}', image]);
    return undefined;
  } catch {
    try {
      execFileSync(name, ['pull', '--quiet', image], { stdio: 'pipe', timeout: COMMAND_MS_MAX });
      return undefined;
    } catch (error) {
      return `the image ${image} is not here and can't be pulled (${firstLineOf(error)})`;
    }
  }
}

function ask(program: string, args: readonly string[]): string {
  const output = execFileSync(program, args, { encoding: 'utf8', stdio: 'pipe', timeout: ANSWER_MS_MAX });
  return output.trim().split('\n')[0] ?? '';
}

function firstLineOf(error: unknown): string {
  const { stderr, message } = error as { stderr?: string | Buffer; message: string };
  return `${String(stderr ?? '').trim() || message}`.split('\n').at(-1) ?? '';
}

function engineOf(name: string, compose: readonly string[], version: string): ContainerEngine {
  const attempt = (program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    run(program, args, {
      env: { ...process.env, ...ENV, ...env },
      timeout: COMMAND_MS_MAX,
      maxBuffer: OUTPUT_BYTES_MAX,
    }).then(
      ({ stdout, stderr }): Output => ({ code: 0, stdout, stderr }),
      (error: unknown): Output => {
        const { code, stdout = '', stderr = '', message } = error as Partial<Output> & { message: string };
        return { code: Number(code) || 1, stdout, stderr: stderr === '' ? message : stderr };
      },
    );
  const succeed = async (program: string, args: readonly string[], env?: Readonly<Record<string, string>>) => {
    const { code, stdout, stderr } = await attempt(program, args, env);
    if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${tailOf(stderr)}`);
    return stdout.trim();
  };
  const [program = '', ...words] = compose;
  return {
    name,
    version,
    run: (...args) => succeed(name, args),
    attempt: (...args) => attempt(name, args),
    compose: (args, env) => succeed(program, [...words, ...args], env),
  };
}

function tailOf(text: string): string {
  return text.trim().split('\n').slice(-20).join('\n');
}
