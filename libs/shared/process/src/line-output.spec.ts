import { describe, expect, it } from '@jest/globals';
import { LineOutput } from './line-output';

/** An output with room for some bytes, which then answers with an error. */
function openOutput({ room = Infinity, code = 'EAGAIN' } = {}) {
  const state = { room, code, text: '', pauses: 0 };
  const waiting: (() => void)[] = [];
  const output = new LineOutput({
    writeSome(bytes) {
      if (bytes.byteLength > 0 && state.room === 0) throw Object.assign(new Error(state.code), { code: state.code });
      const taken = bytes.subarray(0, Math.min(bytes.byteLength, state.room));
      state.room -= taken.byteLength;
      state.text += Buffer.from(taken).toString();
      return taken.byteLength;
    },
    later: (callback) => waiting.push(callback),
    pause() {
      state.pauses += 1;
      if (state.pauses === 3) state.room = Infinity;
    },
  });
  return { output, state, later: () => waiting.splice(0).forEach((callback) => callback()) };
}

describe('lines to an output', () => {
  it.each(['ENOSPC', 'EIO', 'EPIPE'])(
    'are dropped and counted while it fails with %s, and written again after',
    (code) => {
      const { output, state } = openOutput({ room: 0, code });
      expect([output.write('one\n'), output.write('two\nthree\n')]).toEqual([false, false]);
      expect(output.linesDropped).toBe(3);
      state.room = Infinity;
      expect(output.write('four\n')).toBe(true);
      expect([state.text, output.linesDropped]).toEqual(['four\n', 3]);
    },
  );

  it('are never torn: a line written in part is completed before the next one', () => {
    const { output, state } = openOutput({ room: 6, code: 'ENOSPC' });
    expect(output.write('one\n')).toBe(true);
    expect(output.write('second\n')).toBe(true);
    expect(output.write('dropped\n')).toBe(false);
    state.room = Infinity;
    output.write('last\n');
    expect([state.text, output.linesDropped]).toEqual(['one\nsecond\nlast\n', 1]);
  });

  it('wait for a slow reader, within a limit', () => {
    const { output, state, later } = openOutput({ room: 0 });
    const line = `${'x'.repeat(1023)}\n`;
    for (let written = 0; written < 100; written += 1) output.write(line);
    expect(output.linesDropped).toBe(36);
    state.room = 1500;
    later();
    expect(state.text.length).toBe(1500);
    state.room = Infinity;
    later();
    expect(state.text).toBe(line.repeat(64));
  });

  it('get a last moment at the end of the process, and no more', () => {
    const { output, state } = openOutput({ room: 0 });
    output.write('last words\n');
    output.flush();
    expect([state.text, state.pauses]).toEqual(['last words\n', 3]);

    const gone = openOutput({ room: 2 });
    gone.output.write('last words\n');
    gone.state.code = 'EPIPE';
    gone.output.flush();
    expect(gone.state.pauses).toBe(0);
  });
});
