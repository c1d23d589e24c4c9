// Many readers of one load, for a process of their own, so that all of them can be stopped at once.

import { ConnectionEnded } from '@pulses/testing-wire-client';
import { loadOf, readByFetch, readByLines, type LoadShape } from './neighbours-load';

export interface Crowd {
  readonly port: number;
  readonly topic: string;
  readonly readers: number;
  readonly load: LoadShape;
}

export interface CrowdResult {
  complete: number;
  closed: number;
  /** What came and was not the load. */
  readonly wrong: string[];
}

/** Prints `joined` once each reader has got something, then, once each has got everything or was closed, a CrowdResult. */
export async function runCrowd({ port, topic, readers: count, load: shape }: Crowd): Promise<void> {
  const load = loadOf(shape);
  const readers = Array.from({ length: count }, (_, index) =>
    index % 2 === 0 ? readByLines(port, topic, load) : readByFetch(port, topic, load, index),
  );
  await Promise.all(readers.map(({ joined }) => joined));
  process.stdout.write('joined\n');
  const result: CrowdResult = { complete: 0, closed: 0, wrong: [] };
  for (const { complete } of readers)
    await complete.then(
      () => (result.complete += 1),
      (error: unknown) => {
        if (error instanceof ConnectionEnded) result.closed += 1;
        else result.wrong.push(String(error));
      },
    );
  for (const reader of readers) reader.close();
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
