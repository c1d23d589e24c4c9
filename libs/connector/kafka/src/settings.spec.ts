import { describe, expect, it } from '@jest/globals';
import { choiceSetting, parseSettings } from '@pulses/shared-settings';
import { brokerText, kafkaSettings, topicsOf } from './settings';

const connector = choiceSetting({ flag: 'connector', choices: ['fs', 'kafka'], default: 'fs', description: '' });
const parse = (...argv: string[]) =>
  parseSettings({ ...kafkaSettings, connector }, { argv, env: {}, readFile: (path) => `secret of ${path}\n` });

describe('the settings of the Kafka connector', () => {
  it.each([
    ['kafka-1:9092', ['kafka-1:9092']],
    ['10.0.0.1:1,[::1]:65535, b.example:9093', ['10.0.0.1:1', '[::1]:65535', 'b.example:9093']],
  ])('read the brokers %s', (text, expected) => {
    expect(parse(`--kafka-brokers=${text}`).values.kafkaBrokers.map(brokerText)).toEqual(expected);
  });

  it.each(['kafka-1', 'kafka-1:0', 'kafka-1:65536', 'a:1,,b:2', '::1:9092', 'http://a:1', 'a:1/x'])(
    'refuse the brokers %s',
    (text) => {
      expect(() => parse(`--kafka-brokers=${text}`)).toThrow(/^--kafka-brokers: .* host:port, separated by commas/);
    },
  );

  it('read the password from a file', () => {
    expect(parse('--kafka-password-file=here').values.kafkaPassword).toBe('secret of here');
  });

  it('warn of a password that crosses the network in plain text', () => {
    const plain = [
      '--connector=kafka',
      '--kafka-sasl-mechanism=plain',
      '--kafka-username=u',
      '--kafka-password-file=f',
    ];
    const far = '--kafka-brokers=kafka.example:9092';
    expect(parse(...plain, far).warnings).toEqual([
      '--kafka-password: the password is sent to kafka.example:9092 in plain text; use --kafka-tls or a SCRAM mechanism',
    ]);
    expect(parse(...plain, far, '--kafka-tls').warnings).toEqual([]);
    expect(parse(...plain, far, '--connector=fs').warnings).toEqual([]);
    expect(parse(...plain).warnings).toEqual([]);
  });

  it('name the topics of a source', () => {
    expect(topicsOf('metering', parse().values)).toEqual({
      source: 'metering',
      grouped: 'tenants.grouped.pulses',
      aggregated: 'tenants.aggregated.pulses.amount',
      deadLetter: 'metering.dead-letter',
    });
    const named = parse('--kafka-grouped-topic=g', '--kafka-aggregated-topic=a', '--kafka-dead-letter-topic=d').values;
    expect(topicsOf('s', named)).toEqual({ source: 's', grouped: 'g', aggregated: 'a', deadLetter: 'd' });
  });

  it('keep messages for ever, or for a time', () => {
    expect(parse().values.kafkaRetention).toBeUndefined();
    expect(parse('--kafka-retention=7d').values.kafkaRetention).toBe(604_800_000);
    expect(() => parse('--kafka-retention=1s')).toThrow(/keep, or a duration from 1h to 3650d/);
  });
});
