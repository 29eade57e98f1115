import { BizraError } from '#util/errors.ts';
import { type AppErrorCode, type RegisteredError, SDK_ERRORS } from '../errors.ts';

/** gRPC statuses that the SDK's query services answer with. */
export type GrpcStatus = 'InvalidArgument' | 'NotFound' | 'ResourceExhausted' | 'Unknown';

/** A query is refused. */
export class QueryRefusal extends BizraError<AppErrorCode> {
  readonly registered: RegisteredError;

  /** With a status, the text is that of a gRPC error; clients look for it (wire-formats 7.1). */
  constructor(status: GrpcStatus | undefined, description: string) {
    const registered = registeredOf(status);
    const text = status === undefined ? description : `rpc error: code = ${status} desc = ${description}`;
    super('query', `${text}: ${registered.text}`);
    this.registered = registered;
  }
}

/** The SDK's mapping of gRPC statuses to ABCI codes (wire-formats 8). */
function registeredOf(status: GrpcStatus | undefined): RegisteredError {
  switch (status) {
    case 'NotFound':
      return SDK_ERRORS.keyNotFound;
    case 'InvalidArgument':
    case undefined:
      return SDK_ERRORS.invalidRequest;
    default:
      return SDK_ERRORS.unknownRequest;
  }
}
