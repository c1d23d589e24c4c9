import { describe, expect, it } from '@jest/globals';
import { progressText } from './publish-progress-text';

describe('the progress line', () => {
  it('tells what is acknowledged, the rate and the time', () => {
    expect(progressText({ acknowledged: 12_000, rate: 999.6, seconds: 72, count: undefined })).toBe(
      '12,000 acknowledged · 1,000/s · 1:12 elapsed',
    );
  });

  it('tells the share and the time left when there is an end', () => {
    expect(progressText({ acknowledged: 250, rate: 25, seconds: 10, count: 1_000 })).toBe(
      '250 acknowledged · 25/s · 0:10 elapsed · 25 % · ETA 0:30',
    );
  });

  it('knows no time left before the first acknowledgement', () => {
    expect(progressText({ acknowledged: 0, rate: 0, seconds: 0, count: 10 })).toContain('0 % · ETA ?');
  });
});
