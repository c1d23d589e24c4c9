// One more ingestor of a broker, with what its readiness tells.

import { freePort, startApp, until, type AppName, type RunningApp } from '@pulses/testing-processes';

export interface IngestorProcess {
  readonly app: RunningApp;
  /** What /readyz tells now: `active`, `standby: …`, or why it is not ready. */
  role(): Promise<string>;
  /** Resolves to the milliseconds from `sinceMs` until it is in the role. */
  untilRole(role: 'active' | 'standby', sinceMs?: number): Promise<number>;
}

export async function startIngestor(
  port: number,
  options: {
    readonly args?: readonly string[];
    readonly mainPath?: string;
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<IngestorProcess> {
  const httpPort = await freePort();
  const { args = [], ...rest } = options;
  const name: AppName = 'ingestor';
  const app = startApp({ app: name, args: [`--port=${port}`, `--http-port=${httpPort}`, ...args], ...rest });
  let hasEnded = false;
  void app.exited.then(() => (hasEnded = true));
  const role = async () => {
    try {
      const response = await fetch(`http://127.0.0.1:${httpPort}/readyz`);
      const { detail, reason } = (await response.json()) as { detail?: string; reason?: string };
      return detail ?? reason ?? '';
    } catch (error) {
      return String(error);
    }
  };
  return {
    app,
    role,
    async untilRole(wanted, sinceMs = performance.now()) {
      await until(async () => {
        if ((await role()).startsWith(wanted)) return true;
        if (hasEnded) throw new Error(`the ingestor has ended:\n${app.stderr}${app.stdout}`);
        return false;
      });
      return Math.round(performance.now() - sinceMs);
    },
  };
}
