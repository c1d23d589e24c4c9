import { describe, expect, it } from '@jest/globals';
import { IO_THREADS, TOPIC_SYNCS_MAX } from './io-threads';

describe('the threads of the files', () => {
  it('leave one for the journal while topics are synced', () => {
    expect(TOPIC_SYNCS_MAX).toBeLessThan(IO_THREADS);
  });
});
