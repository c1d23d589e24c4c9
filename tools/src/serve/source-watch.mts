// Rebuilds bundles when a source changes.
//
// Guarantees: changes that come together cause one build, builds never overlap, and a change during a build causes another one.
// A build that fails leaves the bundle of before; esbuild prints why.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { readFileSync, watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';
import { WORKSPACE_ROOT } from './launched-app.mts';

const SETTLE_MS = 200;
const SOURCE = /(?<!\.spec)\.(ts|lua)$/;

export class SourceWatch {
  readonly #apps: readonly string[];
  readonly #onChanged: (apps: ReadonlySet<string>) => void;
  readonly #watchers: readonly FSWatcher[];
  #timer: NodeJS.Timeout | undefined;
  #state: 'idle' | 'building' | 'changed while building' = 'idle';

  /** `onChanged` gets the apps whose bundles have changed. */
  constructor(apps: readonly string[], onChanged: (apps: ReadonlySet<string>) => void) {
    this.#apps = apps;
    this.#onChanged = onChanged;
    this.#watchers = ['apps', 'libs'].map((directory) =>
      watch(join(WORKSPACE_ROOT, directory), { recursive: true }, (_event, path) => {
        if (path !== null && SOURCE.test(path)) this.#changed();
      }),
    );
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers) watcher.close();
  }

  #changed(): void {
    if (this.#state !== 'idle') {
      this.#state = 'changed while building';
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#build(), SETTLE_MS);
  }

  async #build(): Promise<void> {
    this.#state = 'building';
    const changed = new Set<string>();
    for (const app of this.#apps) {
      const before = bundleHash(app);
      const bundler = spawn(process.execPath, [join(WORKSPACE_ROOT, 'tools/src/bundle.mts'), `apps/${app}`], {
        cwd: WORKSPACE_ROOT,
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      await once(bundler, 'exit');
      if (bundleHash(app) !== before) changed.add(app);
    }
    const isStale = (this.#state as string) === 'changed while building';
    this.#state = 'idle';
    if (isStale) this.#changed();
    if (changed.size > 0) this.#onChanged(changed);
  }
}

function bundleHash(app: string): string {
  return createHash('sha256')
    .update(readFileSync(join(WORKSPACE_ROOT, 'dist/apps', app, 'main.js')))
    .digest('hex');
}
