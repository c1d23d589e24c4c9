// The services of some Compose files, as one project with a name of its own.

import { until } from '@pulses/testing-processes';
import { parse } from 'yaml';
import { readFileSync } from 'node:fs';
import type { ContainerEngine } from './container-engine';

/** What an engine knows of a container that runs or has ended. */
export interface ContainerState {
  readonly service: string;
  readonly running: boolean;
  readonly exitCode: number;
  /** Times that the engine has started it again by itself. */
  readonly restarts: number;
  readonly outOfMemory: boolean;
}

interface Inspected {
  readonly State: { readonly Running: boolean; readonly ExitCode: number; readonly OOMKilled: boolean };
  readonly RestartCount: number;
}

export class ComposeProject {
  readonly #engine: ContainerEngine;
  readonly #name: string;
  readonly #files: readonly string[];
  readonly #env: Readonly<Record<string, string>>;

  constructor(engine: ContainerEngine, name: string, files: readonly string[], env: Readonly<Record<string, string>>) {
    this.#engine = engine;
    this.#name = name;
    this.#files = files;
    this.#env = env;
  }

  /** Names of the services, in the order of the files. */
  get services(): string[] {
    const names = this.#files.flatMap((file) => {
      const { services } = parse(readFileSync(file, 'utf8'), { merge: true }) as { services: object };
      return Object.keys(services);
    });
    return [...new Set(names)];
  }

  compose(...args: readonly string[]): Promise<string> {
    const files = this.#files.flatMap((file) => ['-f', file]);
    return this.#engine.compose(['-p', this.#name, ...files, ...args], this.#env);
  }

  /** The name of a service's container. @throws Error when there is none, or several */
  async container(service: string): Promise<string> {
    const labels = [`project=${this.#name}`, `service=${service}`].flatMap((label) => [
      '--filter',
      `label=com.docker.compose.${label}`,
    ]);
    const names = (await this.#engine.run('ps', '--all', ...labels, '--format', '{{.Names}}')).split('\n');
    if (names.length !== 1 || names[0] === '') throw new Error(`${service} has ${names.join(', ') || 'no container'}`);
    return names[0] ?? '';
  }

  async stateOf(service: string): Promise<ContainerState> {
    const [inspected] = JSON.parse(
      await this.#engine.run('inspect', await this.container(service)),
    ) as readonly Inspected[];
    if (inspected === undefined) throw new Error(`${service} has no state`);
    const { State, RestartCount } = inspected;
    return {
      service,
      running: State.Running,
      exitCode: State.ExitCode,
      restarts: RestartCount,
      outOfMemory: State.OOMKilled,
    };
  }

  /** Resolves once the service's own check of health says so. */
  async healthy(service: string): Promise<void> {
    const name = await this.container(service);
    if (this.#engine.name === 'podman')
      // Without systemd podman runs no check by itself.
      await until(async () => (await this.#engine.attempt('healthcheck', 'run', name)).code === 0);
    else
      await until(
        async () => (await this.#engine.run('inspect', '--format', '{{.State.Health.Status}}', name)) === 'healthy',
      );
  }

  /** Runs a command inside a service's container. */
  async exec(service: string, ...command: readonly string[]) {
    return this.#engine.attempt('exec', await this.container(service), ...command);
  }

  async logs(service: string): Promise<string> {
    const { stdout, stderr } = await this.#engine.attempt('logs', '--tail', '20', await this.container(service));
    return `${stdout}${stderr}`;
  }
}
