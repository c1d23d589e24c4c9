// Where the time goes: two benches again, with a CPU profile of each process.
//
// A sample counts for the function on top of the stack. A native function counts for its nearest caller with a source.
// So a category includes the native calls of its code. Threads without JavaScript, like the thread pool, are not in a
// profile.

import { globSync, mkdtempSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { bundlePath, type AppName } from '@pulses/testing-processes';
import { categoriesOf, modulesOf, summarise, type CpuProfile, type ProfileSummary } from './cpu-profile';
import { runBench, type BenchRun } from './run-bench';
import { tableOf } from './table';

interface Profiled {
  readonly bench: string;
  /** Its size. */
  readonly env: Readonly<Record<string, string>>;
  readonly title: string;
  readonly apps: readonly AppName[];
}

const PROFILED: readonly Profiled[] = [
  { bench: 'ingest', env: { BENCH_ROUNDS: '1' }, title: 'at full rate', apps: ['broker', 'ingestor'] },
  { bench: 'latency', env: { BENCH_SECONDS: '20' }, title: 'at 50,000 pulses a second', apps: ['broker', 'ingestor'] },
];
const TOP_FUNCTIONS = 12;
const SAMPLING_MICROS = 500;

interface ThreadProfile extends ProfileSummary {
  readonly thread: string;
}

/** As Markdown: the share of each category, and the most expensive functions. */
export async function profileOf(run: BenchRun): Promise<string> {
  const texts: string[] = [];
  for (const profiled of PROFILED) {
    const directory = mkdtempSync(join(run.directory, 'profile-'));
    const nodeOptions = `--cpu-prof --cpu-prof-interval=${SAMPLING_MICROS} --cpu-prof-dir=${directory}`;
    await runBench(profiled.bench, { ...run, env: { ...profiled.env, APP_NODE_OPTIONS: nodeOptions } });
    texts.push(textOf(profiled, threadsOf(directory, profiled.apps)));
  }
  return texts.join('\n\n');
}

/** The threads of the first process of each app. */
function threadsOf(directory: string, apps: readonly AppName[]): ThreadProfile[] {
  const byThread = new Map<string, { readonly process: string; readonly thread: string; readonly text: string }>();
  for (const path of globSync(join(directory, '*.cpuprofile')).sort()) {
    // CPU.<date>.<time>.<process>.<thread>.<number>.cpuprofile
    const [process = '', thread = ''] = basename(path).split('.').slice(3);
    // A program that re-executes itself in the same process leaves a profile each time: the last one counts.
    byThread.set(`${process}.${thread}`, { process, thread, text: readFileSync(path, 'utf8') });
  }
  return apps.flatMap((app) => {
    const bundle = bundlePath(app);
    const modules = modulesOf(readFileSync(bundle, 'utf8'));
    const profiles = [...byThread.values()].filter(({ text }) => text.includes(bundle));
    return profiles
      .filter(({ process }) => process === profiles[0]?.process)
      .map(({ thread, text }, index) => ({
        ...summarise(JSON.parse(text) as CpuProfile, bundle, modules),
        thread: index === 0 ? app : `${app}, thread ${thread}`,
      }));
  });
}

function textOf({ title, apps }: Profiled, threads: readonly ThreadProfile[]): string {
  if (threads.length < apps.length) throw new Error('a process left no CPU profile');
  const shareText = (micros: number, { totalMicros }: ThreadProfile) =>
    `${((micros * 100) / totalMicros).toFixed(1)} %`;
  const rows = categoriesOf(threads).map((category) => [
    category,
    ...threads.map((thread) => {
      const micros = thread.categories.get(category);
      return micros === undefined ? '' : shareText(micros, thread);
    }),
  ]);
  const tops = threads.map((thread) => {
    const top = [...thread.functions].sort(([, left], [, right]) => right - left).slice(0, TOP_FUNCTIONS);
    return `${thread.thread}: ${top.map(([name, micros]) => `\`${name}\` ${shareText(micros, thread)}`).join(', ')}.`;
  });
  return [
    `Where the time goes ${title}, as shares of the process's lifetime:`,
    tableOf(['category', ...threads.map(({ thread }) => thread)], rows),
    'The most expensive functions, native callees included:',
    tops.map((top) => `- ${top}`).join('\n'),
  ].join('\n\n');
}
