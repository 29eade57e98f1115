/** Called often during long work: a promise to wait for when others should have their turn, undefined to go on. */
export type Pause = () => Promise<void> | undefined;

/** For work that is short, or that nobody waits beside. */
export const NEVER_PAUSE: Pause = () => undefined;
