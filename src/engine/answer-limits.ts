/** Bytes that one peer is served a second: some peers together still fill a fast line. */
export const BYTES_PER_SECOND = 16 * 1024 * 1024;
/** What an answer costs beside its bytes: reading and encoding it. */
export const ANSWER_COST_BYTES = 16 * 1024;
/** Of a signature in a commit; an estimate, enough to keep answers within their bound. */
export const SIGNATURE_BYTES = 110;
/** Blocks in one answer to a peer that syncs, however small they are. */
export const MAX_BLOCKS_PER_ANSWER = 64;
/** Bytes of them as far as there is more than one, whatever the peer has room for. */
export const MAX_BLOCKS_BYTES = 2 * 1024 * 1024;
