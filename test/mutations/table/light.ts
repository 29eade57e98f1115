import { type Mutation, mutationsOf, testsOf } from '../mutation.ts';

const step = testsOf('test/unit/light/verify-step.test.ts');
const client = testsOf('test/unit/light/light-client.test.ts');
const attacks = testsOf('test/unit/light/light-attacks.test.ts');
const vectors = testsOf('test/vectors/light.test.ts');
const proofs = testsOf('test/unit/state/proof.test.ts');

const ALTERED_FIELD = [vectors('any field of a header, commit or validator set altered')];
const BY_HASH_LINK = [step('back goes by the hash link alone')];
const EDGES = [proofs('proof-input-edges: any other bytes')];
const FORMS = [proofs('ics23-leaf-inner-ambiguity, rangeproof-two-children')];
const LEFT_OUT = [proofs('absence is refused when a key lies between')];

export const LIGHT_RULES: readonly Mutation[] = [
  ...mutationsOf('src/light/verify-step.ts', [
    [
      'trust ends with the trusting period',
      'return header.time + trustingPeriodNs <= now;',
      'return header.time + trustingPeriodNs < now;',
      [step('ends with the trusting period')],
    ],
    [
      'expired headers are not trusted',
      'checkNotExpired(rules, trusted.header, now);\n  check',
      'check',
      [step('ends with')],
    ],
    ['heights go up', 'next.height > trusted.height,', 'true,', [step('is not taken back or on the spot')]],
    ['time goes on', 'next.time > trusted.time,', 'next.time >= trusted.time,', [step('not later in time')]],
    [
      'headers are not from the future',
      'next.time < now + maxClockDriftNs,',
      'next.time <= now + maxClockDriftNs,',
      [step('is not taken to a header from the future')],
    ],
    [
      'the next height has the announced validators',
      'equalBytes(next.header.validatorsHash, trusted.header.nextValidatorsHash),',
      'true,',
      [step('to the next height needs the announced validators')],
    ],
    [
      'a jump needs trusted signatures',
      '} else await verifyTrusted(verifier, rules, trusted, next);',
      '}',
      [step('over heights needs more than the trust level')],
    ],
    [
      'every header is signed by its own validators',
      '  await verifyOwnCommit(verifier, rules, next);\n',
      '',
      [step('needs more than two thirds of its own')],
    ],
    [
      'all signatures are looked at',
      "signatures === 'all' ? verifyCommit",
      "signatures !== 'all' ? verifyCommit",
      [step('looks at every signature')],
    ],
    ['a failing verifier is no verdict', '|| !COMMIT_FAULTS', '&& !COMMIT_FAULTS', [step('the verifier failed')]],
    [
      'hash link',
      'previous.header.height === header.height - 1 && equalBytes(hashHeader(previous.header), header.lastBlockId.hash),',
      'previous.header.height === header.height - 1,',
      BY_HASH_LINK,
    ],
    ['time goes back', 'previous.header.time < header.time,', 'true,', BY_HASH_LINK],
  ]),
  ...mutationsOf('src/light/light-block.ts', [
    ['the commit is of the height', 'commit.height === header.height,', 'true,', BY_HASH_LINK],
    [
      'the commit is for the header',
      'equalBytes(commit.blockId.hash, hashHeader(header)),',
      'true,',
      [vectors('any field of a header')],
    ],
    [
      'the validators are those of the header',
      'equalBytes(validators.hash(), header.validatorsHash),',
      'true,',
      ALTERED_FIELD,
    ],
    ['the chain id is ours', 'header.chainId === chainId,', 'true,', BY_HASH_LINK],
  ]),
  ...mutationsOf('src/light/walk.ts', [
    ['steps are bounded', 'this.taken <= this.max,', 'true,', [client('takes no more steps at once')]],
    [
      'too little trust is a reason to look in between',
      "if (isLightError(error, 'not_enough_trust')) return false;",
      '',
      [client('bisects where validators change')],
    ],
  ]),
  ...mutationsOf('src/light/light-client.ts', [
    [
      'a trusted header is the named one',
      'check(\n        isNamed(block),',
      'check(\n        true,',
      [client('starts only from the header that was named')],
    ],
    [
      'the root is within the trusting period',
      'checkNotExpired(this.options, block.header, now);',
      '',
      [client('starts only from the header that was named')],
    ],
    [
      'genesis validators',
      'equalBytes(header.validatorsHash, validators.hash()),',
      'true,',
      [client('starts from a genesis file')],
    ],
    [
      'no blame for another root than the named one',
      "isNamed(block),\n        'no_light_block',",
      "isNamed(block),\n        'bad_light_block',",
      [client('does not take a wrong trusted hash for the lie of everybody')],
    ],
    [
      'between two trusted blocks, down from the upper one when the lower one is too old',
      '(after !== undefined && isExpired(this.options, before.header, now));',
      'after === undefined;',
      [client('goes down from the upper one')],
    ],
    ['genesis time', 'header.time === genesisTime,', 'true,', [client('starts from a genesis file')]],
    [
      'witnesses are asked before anything is trusted',
      'await compareWithWitnesses(this.sources, walk, trace);',
      '',
      [client('asks the witnesses every hundred blocks'), attacks('lunatic: a header')],
    ],
    [
      'a commit that was reached backwards is checked',
      '    await verifyOwnCommit(this.verifier, this.options, target);\n',
      '',
      [client('checks the commit of a block that it reached backwards')],
    ],
    [
      'light-attacks: nothing after the verdict',
      'if (error instanceof LightClientAttack) this.attack = error;',
      '',
      [attacks('lunatic: a header that execution')],
    ],
    [
      'another header at the trusted height is a lie',
      "check(sameHeader(target, latest), 'bad_light_block'",
      "check(true, 'bad_light_block'",
      [client('goes on from what it trusts')],
    ],
    [
      'light-attacks: the trusting period is shorter than unbonding',
      'trustingPeriodNs < unbondingPeriodNs,',
      'trustingPeriodNs <= unbondingPeriodNs,',
      [attacks('periods and levels')],
    ],
    [
      'light-attacks: the trusting period is above zero',
      "check(trustingPeriodNs > 0n, 'bad",
      "check(trustingPeriodNs >= 0n, 'bad",
      [attacks('periods and levels')],
    ],
  ]),
  ...mutationsOf('src/light/witnesses.ts', [
    [
      'one witness at least confirms',
      "if (opinions.some(([, opinion]) => opinion === 'agrees')) return;",
      'if (opinions.length > 0) return;',
      [attacks('a witness that is behind'), attacks('nothing is believed when the last witness is gone')],
    ],
    [
      'light-attacks: a header above the head',
      'theirs.header.time >= block.header.time ?',
      'false ?',
      [attacks('forward lunatic')],
    ],
    [
      'a witness that proves nothing is dropped',
      'if (fork !== undefined) throw await accuse(primary, witness, fork, follow(primary));',
      'throw await accuse(primary, witness, fork as Fork, follow(primary));',
      [attacks('a witness with a header that it cannot justify')],
    ],
    ['each side is told of the other', 'report(primary, accusations[1])', 'undefined', [attacks('lunatic: a header')]],
  ]),
  ...mutationsOf('src/light/sources.ts', [
    [
      'light-provider-edges: the height is the one that was asked for',
      'height === undefined || block.header.height === height,',
      'true,',
      [attacks('an answer of another height is a lie')],
    ],
  ]),
  ...mutationsOf('src/light/attack.ts', [
    [
      'the common height of a lunatic attack',
      'isLunatic(conflicting.header, trusted.header) ? common : trusted;',
      'trusted;',
      [attacks('lunatic: a header')],
    ],
    [
      'the height of an equivocation',
      'isLunatic(conflicting.header, trusted.header) ? common : trusted;',
      'common;',
      [attacks('equivocation: two')],
    ],
  ]),
  ...mutationsOf('src/light/proof-verify.ts', [
    ['two steps', 'map !== undefined && ops.length === 2', 'map !== undefined', EDGES],
    [
      'the proof names the key',
      "demand(equalBytes(proof.value, value), 'it is about the value');",
      '',
      [proofs('fail with any')],
    ],
    [
      'it leads to the app hash',
      "demand(equalBytes(root, appHash), 'it leads to the app hash');",
      '',
      [proofs('fail with any')],
    ],
    [
      'canonical encoding',
      'equalBytes(CommitmentProof.encode(proof).finish(), op.data)',
      'true',
      [proofs('fail with any')],
    ],
    [
      'proof-input-edges: depth',
      'proof.path.length <= spec.depthMax,',
      'true,',
      [proofs('paths longer than the limit')],
    ],
    ['leaf op', 'proof.leaf !== undefined && sameLeafOp(proof.leaf, spec.leaf)', 'proof.leaf !== undefined', FORMS],
    [
      'rangeproof-two-children',
      'step.prefix.length === 1 && step.suffix.length === HASH_BYTES',
      'step.suffix.length === HASH_BYTES',
      FORMS,
    ],
    ['ics23-leaf-inner-ambiguity', '|| step.prefix[0] !== INNER_PREFIX) return', ') return', FORMS],
    [
      'the last leaf has nothing after it',
      'return path.every((step) => siblingSide(step) === siblings);',
      'return path.length >= 0 || siblings.length > 0;',
      LEFT_OUT,
    ],
    [
      'neighbours are on their sides',
      "compareBytes(sha256(left.key), place) < 0, 'its left",
      "true, 'its left",
      [testsOf('test/unit/state/proof-sequences.test.ts')('no altered proof holds')],
    ],
  ]),
];
