/** The release, as in package.json. */
export const NODE_VERSION = '0.1.0';
/** What CometBFT's clients are told: cosmjs picks its decoder by the prefix "0.38." (wire-formats 6.8). */
export const COMETBFT_VERSION = '0.38.26';
/** CometBFT's P2PProtocol. */
export const P2P_PROTOCOL = 8n;
export const NODE_NAME = 'bizra-node';
