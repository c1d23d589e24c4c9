// Sums of a CPU profile, by function and by category.

/** V8's format; only the fields used here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

export interface ProfileSummary {
  readonly totalMicros: number;
  readonly categories: ReadonlyMap<string, number>;
  /** By `name file`. */
  readonly functions: ReadonlyMap<string, number>;
}

/** Where each source file starts in a bundle, by line from 0, in order. */
export type BundleModules = readonly { readonly line: number; readonly path: string }[];

/**
 * What the code under each path is for. A path is the start of a source file's path, or of the name of a module of Node.
 * The first category that matches counts. Code without a category counts for its caller.
 */
export const CATEGORIES: readonly (readonly [name: string, paths: readonly string[]])[] = [
  ['ingest kernel', ['libs/stream/pipeline/src/kernel/wasm-']],
  [
    'parse',
    [
      'libs/shared/pulse-model/src/pulse-reader',
      'libs/shared/pulse-model/src/json-',
      'libs/shared/pulse-model/src/object-members',
      'libs/shared/pulse-model/src/slow-reader',
      'libs/shared/pulse-model/src/amount-reading',
      'libs/shared/pulse-model/src/pulse-keys',
    ],
  ],
  [
    'key lookup',
    [
      'libs/aggregation/api/src/key-',
      'libs/stream/pipeline/src/windows/key-',
      'libs/stream/pipeline/src/windows/window-keys',
      'libs/stream/pipeline/src/windows/open-window',
    ],
  ],
  [
    'sums',
    [
      'libs/aggregation/memory/',
      'libs/aggregation/redis/',
      'libs/shared/pulse-model/src/amount.ts',
      'libs/stream/pipeline/src/kernel/delta-',
    ],
  ],
  [
    'output bytes',
    [
      'libs/shared/pulse-model/src/output-lines',
      'libs/shared/pulse-model/src/key-fields',
      'libs/shared/pulse-model/src/amount-writing',
      'libs/shared/pulse-model/src/object-ids',
      'libs/shared/pulse-model/src/topic-names',
      'libs/stream/pipeline/src/commits/output-',
      'libs/stream/pipeline/src/commits/line-stage',
      'libs/stream/pipeline/src/commits/grouped-writer',
      'libs/stream/pipeline/src/windows/window-emitter',
    ],
  ],
  ['seal', ['libs/broker/segment-log/src/segments/', 'libs/broker/segment-log/src/checkpoint/']],
  [
    'journal read',
    [
      'libs/broker/segment-log/src/readers/',
      'libs/broker/segment-log/src/journal/tail',
      'libs/broker/segment-log/src/journal/journal-scan',
    ],
  ],
  ['journal write', ['libs/broker/segment-log/']],
  ['protocol', ['libs/broker/client/', 'libs/broker/wire/', 'libs/broker/server/', 'libs/connector/fs/']],
  [
    'socket',
    [
      'node:net',
      'node:internal/stream',
      'node:internal/net',
      'node:internal/js_stream',
      'libs/shared/node-platform/src/node-network',
    ],
  ],
  ['pipeline', ['libs/stream/pipeline/']],
];

const ENGINE: Readonly<Record<string, string>> = {
  '(garbage collector)': 'GC',
  '(idle)': 'idle',
  '(program)': 'native, outside of any function',
};
const REST = 'start, stop and the rest';

/** Category names, in the order of the table. */
export function categoriesOf(summaries: readonly ProfileSummary[]): string[] {
  const all = [...CATEGORIES.map(([name]) => name), ...Object.values(ENGINE), REST];
  return all.filter((name) => summaries.some(({ categories }) => categories.has(name)));
}

/** The bundler names each source file in a comment before its code. */
export function modulesOf(bundle: string): BundleModules {
  return bundle
    .split('\n')
    .flatMap((text, line) =>
      /^ *\/\/ (?:apps|libs|node_modules)\/\S+$/.test(text) ? [{ line, path: text.trim().slice(3) }] : [],
    );
}

interface Place {
  /** Undefined for the engine's own work. */
  readonly path: string | undefined;
  readonly name: string;
  readonly category: string;
}

export function summarise(profile: CpuProfile, bundlePath: string, modules: BundleModules): ProfileSummary {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  );
  const places = new Map<number, Place>();
  const placeOf = (id: number): Place => {
    const known = places.get(id);
    if (known !== undefined) return known;
    const node = nodes.get(id);
    if (node === undefined) throw new Error(`the profile has no node ${id}`);
    const { functionName, url, lineNumber } = node.callFrame;
    const parent = parents.get(id);
    const engine = ENGINE[functionName];
    let place: Place;
    if (engine !== undefined) place = { path: undefined, name: functionName, category: engine };
    else if (url === '')
      place = parent === undefined ? { path: undefined, name: functionName, category: REST } : placeOf(parent);
    else {
      const path = url.endsWith(bundlePath) ? moduleAt(modules, lineNumber) : url;
      const own = CATEGORIES.find(([, paths]) => paths.some((start) => path.startsWith(start)))?.[0];
      const inherited = parent === undefined ? REST : placeOf(parent).category;
      place = {
        path,
        name: `${functionName === '' ? 'anonymous' : functionName} ${path.replace(/^.*\//, '')}`,
        category: own ?? inherited,
      };
    }
    places.set(id, place);
    return place;
  };

  let totalMicros = 0;
  const [categories, functions] = [new Map<string, number>(), new Map<string, number>()];
  for (const [index, id] of profile.samples.entries()) {
    const micros = profile.timeDeltas[index] ?? 0;
    const { path, name, category } = placeOf(id);
    totalMicros += micros;
    categories.set(category, (categories.get(category) ?? 0) + micros);
    if (path !== undefined) functions.set(name, (functions.get(name) ?? 0) + micros);
  }
  return { totalMicros, categories, functions };
}

/** The source file of a line. */
function moduleAt(modules: BundleModules, line: number): string {
  let [low, high] = [0, modules.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((modules[middle]?.line ?? Infinity) <= line) low = middle + 1;
    else high = middle;
  }
  return modules[low - 1]?.path ?? 'main.js';
}
