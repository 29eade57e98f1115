/**
 * Ten regions of the world, and round trips between them in milliseconds: approximate, rounded to 5 ms, of the size that
 * public measurements between the data centres of one cloud provider show (Cape Town's are those of cloudping.co).
 * One way is taken as half.
 */
export const REGIONS = [
  'Virginia',
  'Frankfurt',
  'Singapore',
  'Oregon',
  'Tokyo',
  'Ireland',
  'Mumbai',
  'São Paulo',
  'Sydney',
  'Cape Town',
] as const;

const ROUND_TRIPS_MS: readonly (readonly number[])[] = [
  [],
  [90],
  [215, 160],
  [65, 145, 165],
  [150, 225, 70, 100],
  [70, 25, 175, 125, 205],
  [190, 115, 60, 220, 130, 125],
  [115, 205, 325, 175, 255, 180, 300],
  [200, 255, 95, 140, 105, 260, 150, 310],
  [225, 155, 205, 280, 285, 155, 150, 335, 295],
];

/** Within a region. */
const LOCAL_ROUND_TRIP_MS = 1;

/** From one region to another, without jitter. Validators are dealt to the regions in turn. */
export function oneWayMs(a: number, b: number): number {
  const [low, high] = [a % REGIONS.length, b % REGIONS.length].sort((x, y) => x - y) as [number, number];
  return (low === high ? LOCAL_ROUND_TRIP_MS : (ROUND_TRIPS_MS[high]?.[low] as number)) / 2;
}

/** Shortest ways over the links that there are: a node passes on what it gets. */
export function shortestMs(nodes: number, isLinked: (a: number, b: number) => boolean): number[][] {
  const all = Array.from({ length: nodes }, (_, index) => index);
  const ways = all.map((a) => all.map((b) => (a === b ? 0 : isLinked(a, b) ? oneWayMs(a, b) : Infinity)));
  for (const via of all)
    for (const from of all)
      for (const to of all) {
        const way = (ways[from]?.[via] as number) + (ways[via]?.[to] as number);
        if (way < (ways[from]?.[to] as number)) (ways[from] as number[])[to] = way;
      }
  return ways;
}

/**
 * When each node could decide at best, in milliseconds after the proposal left: three messages, each by the shortest
 * way, and each step as soon as more than two thirds of equal powers are there.
 */
export function bestDecisionsMs(ways: readonly (readonly number[])[], proposer: number): number[] {
  const proposed = ways[proposer] as readonly number[];
  return afterQuorum(ways, afterQuorum(ways, proposed));
}

/** When each node has a quorum of votes that left their authors at `sentMs`. */
function afterQuorum(ways: readonly (readonly number[])[], sentMs: readonly number[]): number[] {
  const quorum = Math.floor((2 * sentMs.length) / 3) + 1;
  return sentMs.map((_, to) => {
    const arrivals = sentMs.map((sent, from) => sent + (ways[from]?.[to] as number)).sort((a, b) => a - b);
    return Math.max(arrivals[quorum - 1] as number, 0);
  });
}
