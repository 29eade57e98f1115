import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { parseLogLevels } from '#telemetry/log-levels.ts';
import { createLogger, type LogFormat, SILENT_LOGGER } from '#telemetry/logger.ts';

function logTo(lines: string[], levels: string, format: LogFormat) {
  const components = { sink: (line: string) => lines.push(line), timestamp: () => '2026-01-01T00:00:00Z' };
  return createLogger(components, { format, levels: parseLogLevels(levels) }, 'node');
}

describe('logger', () => {
  it('writes one JSON object a line', () => {
    const lines: string[] = [];
    logTo(lines, 'info', 'json').info('block applied', { height: 7, power: 10n, level: 'fake', absent: undefined });
    deepEqual(JSON.parse(lines[0] as string), {
      time: '2026-01-01T00:00:00Z',
      level: 'info',
      component: 'node',
      message: 'block applied',
      height: 7,
      power: '10',
    });
  });

  it('writes text that no value can forge', () => {
    const lines: string[] = [];
    logTo(lines, 'info', 'text').warn('peer sent\ngarbage', { peer: 'a\n2026 ERROR x: y', round: 0, text: 'a=b c' });
    equal(
      lines[0],
      '2026-01-01T00:00:00Z WARN  node: "peer sent\\ngarbage" peer="a\\n2026 ERROR x: y" round=0 text="a=b c"',
    );
  });

  it('filters by level and component', () => {
    const lines: string[] = [];
    const logger = logTo(lines, 'consensus:debug,p2p:none,*:warn', 'text');
    logger.info('no');
    logger.error('yes');
    logger.child('consensus').debug('yes');
    logger.child('p2p').error('no');
    equal(lines.length, 2);
    equal(logger.enabled('info'), false);
    ok(logger.child('consensus').enabled('debug'));
  });

  it('gives a child`s fields to each of its lines', () => {
    const lines: string[] = [];
    logTo(lines, 'info', 'text').child('p2p', { peer: 'x' }).child('sync', { height: 3 }).info('m', { height: 4 });
    equal(lines[0], '2026-01-01T00:00:00Z INFO  sync: m peer=x height=4');
  });

  it('key-secrecy: never writes what is named like a secret, and bounds each value', () => {
    const lines: string[] = [];
    const logger = logTo(lines, 'debug', 'json');
    logger.debug('m', { mnemonic: 'w1', priv_key: 'w2', privateKey: 'w3', client_secret: 'w4', password: 'w5' });
    ok(!/w\d/.test(lines[0] as string), lines[0]);
    logger.info('m', { text: 'x'.repeat(5_000) });
    ok((lines[1] as string).length < 1_300);
  });

  it('writes an error with its stack', () => {
    const lines: string[] = [];
    logTo(lines, 'info', 'json').error('m', { error: new Error('broken') });
    ok(JSON.parse(lines[0] as string).error.includes('logger.test.ts'));
  });

  it('refuses unknown levels, naming the entry', () => {
    for (const text of ['', 'loud', 'p2p:', ':info', 'a:b:c', 'info,p2p:loud']) {
      throws(() => parseLogLevels(text), { code: 'log_level' });
    }
    throws(() => parseLogLevels('*:info,p2p:loud'), /"p2p:loud"/);
  });

  it('may be absent', () => {
    SILENT_LOGGER.child('x').error('nothing');
    equal(SILENT_LOGGER.enabled('error'), false);
  });
});
