/** Takes real time and chance away while a simulation runs: whoever uses them is not deterministic. */
export async function withoutRealTime<T>(run: () => Promise<T>): Promise<T> {
  const kept = {
    now: Date.now,
    performanceNow: performance.now,
    random: Math.random,
    setTimeout: globalThis.setTimeout,
    setInterval: globalThis.setInterval,
    setImmediate: globalThis.setImmediate,
  };
  const forbid = (name: string) => (): never => {
    throw new Error(`${name} inside the simulation: take it from a port`);
  };
  Date.now = forbid('Date.now');
  performance.now = forbid('performance.now');
  Math.random = forbid('Math.random');
  Object.assign(globalThis, {
    setTimeout: forbid('setTimeout'),
    setInterval: forbid('setInterval'),
    setImmediate: forbid('setImmediate'),
  });
  try {
    return await run();
  } finally {
    Date.now = kept.now;
    performance.now = kept.performanceNow;
    Math.random = kept.random;
    const { setTimeout, setInterval, setImmediate } = kept;
    Object.assign(globalThis, { setTimeout, setInterval, setImmediate });
  }
}
