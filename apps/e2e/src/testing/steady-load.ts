// A load that outlives everything: one `pulses produce` for the whole test, fed line by line.
//
// Every line differs, so the source log shows whether one is missing, doubled or out of order.

import { startApp } from '@pulses/testing-processes';
import { pulseLine } from '@pulses/testing-system';
import { readLines } from './line-client';

export interface LineShape {
  /** Bytes of an ignored key, to fill the journal. */
  readonly padBytes?: number;
  /** Instead of one of the few. */
  readonly tenant?: string;
}

export interface SteadyLoad {
  /** All lines given so far. */
  readonly lines: readonly string[];
  /** @throws Error when the producer has given up */
  send(count: number, shape?: LineShape): void;
  /** Ends the input; resolves to how many were acknowledged, once all are. */
  finish(): Promise<number>;
}

const TENANTS = ['acme', 'a.b', 'ünïcode'];
const EVERY_BAD_LINE = 41;

/** The n-th line: a pulse with an amount of its own, or now and then no pulse at all. */
export function loadLine(index: number, { padBytes = 0, tenant }: LineShape = {}): string {
  if (index % EVERY_BAD_LINE === EVERY_BAD_LINE - 1) return `no pulse ${index}`;
  const pulse = pulseLine({
    tenant: tenant ?? TENANTS[index % TENANTS.length]!, // a remainder is an index
    sku: `sku-${index % 5}`,
    unit: index % 2 === 0 ? 'h' : 'GiB',
    amount: `${index % 13 === 0 ? '-' : ''}${index}.${(index * 7919) % 1_000_003}${index % 17 === 0 ? 'e-9' : ''}`,
  });
  return `${pulse.slice(0, -1)},"n":${index}${padBytes === 0 ? '' : `,"pad":"${'x'.repeat(padBytes)}"`}}`;
}

/** Resolves once the first line is stored: from then on the load outlives its broker. */
export async function startLoad(port: number, topic = 'source.pulses'): Promise<SteadyLoad> {
  const producer = startApp({ app: 'cli', args: ['produce', topic, `--port=${port}`] });
  const lines: string[] = [];
  let hasEnded = false;
  void producer.exited.then(() => (hasEnded = true));
  const load: SteadyLoad = {
    lines,
    send(count, shape) {
      if (hasEnded) throw new Error(`the producer has ended:\n${producer.stderr}`);
      const some = Array.from({ length: count }, (_, index) => loadLine(lines.length + index, shape));
      lines.push(...some);
      producer.stdin.write(`${some.join('\n')}\n`);
    },
    async finish() {
      producer.stdin.end();
      const { code } = await producer.exited;
      if (code !== 0) throw new Error(`the producer ended with ${code}:\n${producer.stderr}`);
      return (JSON.parse(producer.stdout) as { messages_acked: number }).messages_acked;
    },
  };
  load.send(1);
  await readLines(port, topic, 1);
  return load;
}
