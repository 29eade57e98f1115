import { validatorAddress } from '#crypto/address.ts';
import { equalBytes, toHex } from '#util/bytes.ts';
import { check } from './errors.ts';
import { MAX_TOTAL_VOTING_POWER, MAX_VALIDATORS } from './limits.ts';
import { isWellFormedKey, type PublicKey, readPublicKey, writePublicKey } from './public-key.ts';
import { ADDRESS_BYTES, type Reader, readMessage, required } from './wire.ts';
import type { Writer } from './wire-writer.ts';

export interface Validator {
  /** 20 bytes, derived from the key. */
  readonly address: Uint8Array;
  readonly pubKey: PublicKey;
  readonly votingPower: bigint;
  readonly proposerPriority: bigint;
}

/** The fields of a SimpleValidator message: a leaf of validators_hash. */
export function writeSimpleValidator(writer: Writer, { pubKey, votingPower }: Validator): void {
  writer.message(1, (inner) => writePublicKey(inner, pubKey));
  writer.integer(2, votingPower);
}

/** The fields of a Validator message. */
export function writeValidator(writer: Writer, validator: Validator): void {
  writer.bytes(1, validator.address);
  writer.message(2, (inner) => writePublicKey(inner, validator.pubKey));
  writer.integer(3, validator.votingPower);
  writer.integer(4, validator.proposerPriority);
}

/** The fields of a ValidatorSet message; the total is left out, as Go does where the bytes are hashed. */
export function writeValidators(writer: Writer, validators: readonly Validator[], proposer: Validator): void {
  for (const validator of validators) writer.message(1, (inner) => writeValidator(inner, validator));
  writer.message(2, (inner) => writeValidator(inner, proposer));
}

/**
 * Reads a ValidatorSet sub-message as it is, at most MAX_VALIDATORS long; each address must be its key's. `lowestPower`
 * is 0 where the set is somebody else's claim: a light client takes members without power.
 */
export function readValidators(reader: Reader, lowestPower = 1n): { validators: Validator[]; proposer: Validator } {
  const readOne = (inner: Reader): Validator => readValidator(inner, lowestPower);
  const validators: Validator[] = [];
  let proposer: Validator | undefined;
  readMessage(
    reader,
    (field) => {
      if (field === 1) {
        if (validators.length === MAX_VALIDATORS) throw reader.fault('too many validators');
        validators.push(reader.message(readOne));
      } else if (field === 2) proposer = reader.message(readOne);
      else return false;
      return true;
    },
    1,
  );
  return { validators, proposer: required(proposer, reader, 'proposer') };
}

export function readValidator(reader: Reader, lowestPower = 1n): Validator {
  let address: Uint8Array | undefined;
  let pubKey: PublicKey | undefined;
  let votingPower = 0n;
  let proposerPriority = 0n;
  readMessage(reader, (field) => {
    if (field === 1) address = reader.bytes(ADDRESS_BYTES);
    else if (field === 2) pubKey = reader.message(readPublicKey);
    else if (field === 3) votingPower = reader.int64();
    else if (field === 4) proposerPriority = reader.int64();
    else return false;
    return true;
  });
  const validator: Validator = {
    address: required(address, reader, 'address'),
    pubKey: required(pubKey, reader, 'public key'),
    votingPower,
    proposerPriority,
  };
  checkValidator(validator, lowestPower);
  return Object.freeze(validator);
}

/** Throws `bad_validator_set` unless the address is the key's and the power is possible. */
export function checkValidator({ address, pubKey, votingPower }: Validator, lowestPower = 1n): void {
  check(
    isWellFormedKey(pubKey) && equalBytes(address, validatorAddress(pubKey)),
    'bad_validator_set',
    () => `address ${toHex(address.subarray(0, 32))} is not that of the validator's key`,
  );
  check(
    votingPower >= lowestPower && votingPower <= MAX_TOTAL_VOTING_POWER,
    'bad_validator_set',
    () =>
      `validator ${toHex(address)} has voting power ${votingPower}; expected ${lowestPower} to ${MAX_TOTAL_VOTING_POWER}`,
  );
}
