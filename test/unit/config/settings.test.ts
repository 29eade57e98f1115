import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { SETTING_ENTRIES } from '#config/schema.ts';
import { defaultSettings, loadSettings, type Settings } from '#config/settings.ts';
import { formatConfig } from '#config/write-config.ts';
import { BizraError } from '#util/errors.ts';

const PEER = '/ip4/10.0.0.2/tcp/26656/p2p/12D3KooWLH3BDbVHnXABmSEp8unb9DdEzr5GdNVAcXoaPmhtt1nj';

function fromFile(text: string): Settings {
  return loadSettings({ file: { path: 'config.toml', text } });
}

function refusal(load: () => unknown): string {
  try {
    load();
  } catch (error) {
    assert.ok(error instanceof BizraError && error.code === 'config_invalid', String(error));
    assert.ok(!error.message.includes('\n'), 'one line');
    return error.message;
  }
  return assert.fail('accepted');
}

/** A value for every setting that differs from its default. */
const OTHER_VALUES: Readonly<Record<string, string>> = {
  moniker: 'a "quoted" \\ näme',
  log_level: 'debug',
  log_format: 'json',
  'p2p.laddr': '/ip4/127.0.0.1/tcp/1000',
  'p2p.external_address': 'tcp://node.example:26656',
  'p2p.persistent_peers': `${PEER},${PEER.replace('10.0.0.2', '10.0.0.3')}`,
  'p2p.bootstrap_peers': PEER,
  'p2p.dht': 'false',
  'rpc.laddr': 'tcp://[::1]:3',
  'rpc.cors_allowed_origins': 'https://a.example,*',
  'rpc.allowed_hosts': 'node.example',
  'mempool.min_gas_prices': '0.025ubizra,1uatom',
  'storage.archive': 'true',
  'statesync.enable': 'true',
  'statesync.trust_hash': 'ab'.repeat(32),
  'statesync.fallback': 'false',
  'instrumentation.prometheus': 'true',
  'instrumentation.prometheus_listen_addr': '[::1]:26670',
};

function otherSettings(): Settings {
  const flags = SETTING_ENTRIES.map(({ path, field }) => {
    const text = OTHER_VALUES[path] ?? String(Number(field.byDefault) + 1);
    return [path, text] as const;
  });
  return loadSettings({ flags: Object.fromEntries(flags) });
}

describe('settings', () => {
  it('has defaults that are accepted, and freezes what it returns deeply', () => {
    const settings = defaultSettings();
    assert.equal(settings.p2p.laddr, 'tcp://0.0.0.0:26656');
    assert.equal(settings.consensus.timeoutProposeMs, 600);
    assert.ok(
      Object.isFrozen(settings) && Object.isFrozen(settings.p2p) && Object.isFrozen(settings.p2p.persistentPeers),
    );
  });

  it('listen-defaults: RPC listens on loopback unless an address is set, and then on that one', () => {
    assert.equal(defaultSettings().rpc.laddr, 'tcp://127.0.0.1:26657');
    assert.equal(fromFile('[rpc]\nladdr = "tcp://10.1.2.3:9"').rpc.laddr, 'tcp://10.1.2.3:9');
  });

  it('lets the environment win over the file, and flags over both', () => {
    const file = { path: 'config.toml', text: 'moniker = "file"\n[mempool]\nsize = 1\nttl_num_blocks = 5' };
    const environment = { BIZRA_MONIKER: 'environment', BIZRA_MEMPOOL_SIZE: '2', HOME: '/root', BIZRA_HOME: '/x' };
    const settings = loadSettings({ file, environment, flags: { 'mempool.size': '3' } });
    assert.deepEqual([settings.moniker, settings.mempool.size, settings.mempool.ttlNumBlocks], ['environment', 3, 5]);
  });

  it('takes lists as TOML lists and as texts with commas', () => {
    assert.deepEqual(fromFile(`[p2p]\npersistent_peers = ["${PEER}"]`).p2p.persistentPeers, [PEER]);
    assert.deepEqual(fromFile(`[p2p]\npersistent_peers = "${PEER}, ${PEER}"`).p2p.persistentPeers, [PEER, PEER]);
    assert.deepEqual(fromFile('[p2p]\npersistent_peers = ""').p2p.persistentPeers, []);
  });

  it('config-readback: a written file reads back as the same settings, defaults or not', () => {
    for (const settings of [defaultSettings(), otherSettings()]) {
      const read = fromFile(formatConfig(settings));
      assert.deepEqual(read, settings);
    }
    const defaults = defaultSettings() as unknown as Record<string, unknown>;
    const others = otherSettings() as unknown as Record<string, unknown>;
    for (const { section, name, path } of SETTING_ENTRIES) {
      const pick = (root: Record<string, unknown>): unknown =>
        section === '' ? root[name] : (root[section] as Record<string, unknown>)[name];
      assert.notDeepEqual(pick(others), pick(defaults), `${path} has a value of its own in this test`);
    }
  });

  it('config-readback: a bad value is refused in one line that names file, key, value and remedy', () => {
    const cases: readonly (readonly [text: string, ...words: string[]])[] = [
      ['[p2p]\nladdr = 5', 'config.toml', 'p2p.laddr', '= 5', 'tcp://HOST:PORT'],
      ['[p2p]\nladdr = "nowhere"', 'p2p.laddr', '"nowhere"'],
      ['[p2p]\nladdr = "tcp://h:70000"', 'p2p.laddr'],
      ['[p2p]\npersistent_peers = ["/ip4/1.2.3.4/tcp/1"]', 'p2p.persistent_peers', '/p2p/'],
      ['[p2p]\npersistent_peers = [1]', 'p2p.persistent_peers'],
      ['[p2p]\ndht = "yes"', 'p2p.dht', 'true or false'],
      ['[mempool]\nsize = 0', 'mempool.size', 'whole number'],
      ['[mempool]\nsize = 1.5', 'mempool.size', '1.5'],
      ['[mempool]\nsize = -1', 'mempool.size'],
      ['[mempool]\nsize = nan', 'mempool.size'],
      ['[mempool]\nmin_gas_prices = "ubizra"', 'mempool.min_gas_prices'],
      ['[mempool]\nmax_tx_bytes = 2000\nmax_txs_bytes = 1999', 'mempool.max_tx_bytes', 'above'],
      ['[consensus]\ntimeout_propose_ms = 6000', 'timeout_propose_max_ms'],
      ['[consensus]\ntimeout_propose_ms = 1979-05-27', 'timeout_propose_ms'],
      ['moniker = ""', 'moniker'],
      ['moniker = "a\\u001b[2J"', 'moniker'],
      ['log_level = "loud"', 'log_level', '"debug"'],
      ['[mempool]\nsise = 5', 'unknown key mempool.sise'],
      ['[mempool]\nmax-txs-bytes = 5', 'write mempool.max_txs_bytes'],
      ['size = 5', 'unknown key size', 'mempool.size'],
      ['[nothing]\na = 1', 'unknown key nothing'],
      ['p2p = 3', 'p2p = 3', '[p2p]'],
      ['moniker = "a', 'line 1'],
      ['moniker = "a"\nmoniker = "b"', 'line 2'],
      ['__proto__ = 1', 'unknown key __proto__'],
      ['[mempool]\nconstructor = 1', 'unknown key mempool.constructor'],
    ];
    for (const [text, ...words] of cases) {
      const message = refusal(() => fromFile(text));
      for (const word of words) assert.ok(message.includes(word), `${JSON.stringify(text)}: ${message}`);
    }
  });

  it('refuses a bad variable and a bad flag by name', () => {
    assert.match(
      refusal(() => loadSettings({ environment: { BIZRA_MEMPOOL_SIZE: '1e3' } })),
      /BIZRA_MEMPOOL_SIZE.*"1e3"/,
    );
    assert.match(
      refusal(() => loadSettings({ environment: { BIZRA_P2P_LADR: 'x' } })),
      /BIZRA_P2P_LADR.*no such setting/,
    );
    assert.match(
      refusal(() => loadSettings({ flags: { 'rpc.laddr': 'x' } })),
      /flag --rpc\.laddr/,
    );
    assert.match(
      refusal(() => loadSettings({ flags: { 'rpc.addr': 'x' } })),
      /no such setting/,
    );
  });

  it('has its defaults written down in configs/config.toml', async () => {
    const text = await readFile(new URL('../../../configs/config.toml', import.meta.url), 'utf8');
    assert.equal(text, formatConfig(defaultSettings()), 'write it anew from formatConfig(defaultSettings())');
  });
});
