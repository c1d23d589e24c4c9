// The words of the progress line.

/** `12,000 acknowledged · 1,000/s · 0:12 elapsed`, and with a count `· 60 % · ETA 0:08`. */
export function progressText(state: {
  readonly acknowledged: number;
  readonly rate: number;
  readonly seconds: number;
  readonly count: number | undefined;
}): string {
  const { acknowledged, rate, seconds, count } = state;
  const parts = [`${grouped(acknowledged)} acknowledged`, `${grouped(rate)}/s`, `${minutes(seconds)} elapsed`];
  if (count !== undefined) {
    const left = acknowledged === 0 ? undefined : (seconds * (count - acknowledged)) / acknowledged;
    parts.push(`${Math.floor((acknowledged * 100) / count)} %`, `ETA ${left === undefined ? '?' : minutes(left)}`);
  }
  return parts.join(' · ');
}

function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function minutes(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
