import { BizraError, MachineError } from '#util/errors.ts';

/**
 * The Cosmos SDK's registered errors that this ledger answers with: wallets and relayers know them by codespace, code
 * and text (wire-formats 8, peer-figures).
 */
export interface RegisteredError {
  readonly codespace: string;
  readonly code: number;
  readonly text: string;
}

function sdk(code: number, text: string): RegisteredError {
  return { codespace: 'sdk', code, text };
}

function bank(code: number, text: string): RegisteredError {
  return { codespace: 'bank', code, text };
}

export const SDK_ERRORS = {
  txParse: sdk(2, 'tx parse error'),
  unauthorized: sdk(4, 'unauthorized'),
  insufficientFunds: sdk(5, 'insufficient funds'),
  unknownRequest: sdk(6, 'unknown request'),
  invalidAddress: sdk(7, 'invalid address'),
  invalidPubKey: sdk(8, 'invalid pubkey'),
  unknownAddress: sdk(9, 'unknown address'),
  invalidCoins: sdk(10, 'invalid coins'),
  outOfGas: sdk(11, 'out of gas'),
  memoTooLarge: sdk(12, 'memo too large'),
  insufficientFee: sdk(13, 'insufficient fee'),
  tooManySignatures: sdk(14, 'maximum number of signatures exceeded'),
  noSignatures: sdk(15, 'no signatures supplied'),
  invalidRequest: sdk(18, 'invalid request'),
  keyNotFound: sdk(22, 'key not found'),
  timeoutHeight: sdk(30, 'tx timeout height'),
  unknownExtensionOptions: sdk(31, 'unknown extension options'),
  wrongSequence: sdk(32, 'incorrect account sequence'),
  logic: sdk(35, 'internal logic error'),
  notSupported: sdk(37, 'feature not supported'),
  invalidGasLimit: sdk(41, 'invalid gas limit'),
} as const satisfies Record<string, RegisteredError>;

export const BANK_ERRORS = {
  noInputs: bank(2, 'no inputs to send transaction'),
  noOutputs: bank(3, 'no outputs to send transaction'),
  inputOutputMismatch: bank(4, 'sum inputs != sum outputs'),
  sendDisabled: bank(5, 'send transactions are disabled'),
  multipleSenders: bank(9, 'multiple senders not allowed'),
} as const satisfies Record<string, RegisteredError>;

export type AppErrorCode = 'refused' | 'genesis' | 'query' | 'options';

/** A transaction or query is refused. Deterministic: the same on every node for the same state. */
export class Refusal extends BizraError<AppErrorCode> {
  readonly registered: RegisteredError;
  private readonly details: string | undefined;

  constructor(registered: RegisteredError, details?: string) {
    super('refused', details === undefined ? registered.text : `${details}: ${registered.text}`);
    this.registered = registered;
    this.details = details;
  }

  /** What the SDK answers as `log`: the details, then the registered text. */
  get log(): string {
    return this.message;
  }

  /** The same refusal with `prefix` in front, as the SDK wraps errors. */
  wrapped(prefix: string): Refusal {
    return new Refusal(this.registered, this.details === undefined ? prefix : `${prefix}: ${this.details}`);
  }
}

/** Committed state could not be read. Never a transaction's result: it stops the node before it signs (design 6). */
export class StateReadFailure extends MachineError<'state_unreadable'> {
  constructor(store: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super('state_unreadable', `committed state of store ${store} could not be read: ${reason}`, { cause });
  }
}

/** A fault in the genesis document's `app_state`. `field` is the path of what is wrong. */
export function genesisError(field: string, fault: string): BizraError<AppErrorCode> {
  return new BizraError('genesis', `${field}: ${fault}`);
}
