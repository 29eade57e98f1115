import type { MessageType } from '../../message.ts';

/** The auth module has no messages that a user may send: its parameters change by governance. */
export const AUTH_MESSAGES: readonly MessageType[] = [];
