/**
 * An operating error: something that a user, a peer or the machine did. Programmer errors are assertions instead.
 * `code` is bounded (an entry of the folder's code list), so it can label a metric; `message` says what was wrong,
 * with what value, and what to do.
 */
export class BizraError<Code extends string = string> extends Error {
  override readonly name = 'BizraError';
  readonly code: Code;

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * What this machine alone suffers: a disk that fails, a record that is damaged. Others see nothing of it, so it never
 * becomes a transaction's result, a verdict on a block, or a peer's fault: the node stops, or asks others.
 */
export class MachineError<Code extends string = string> extends BizraError<Code> {}
