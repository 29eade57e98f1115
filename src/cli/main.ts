import { main } from './program.ts';
import { processTerminal } from './terminal.ts';

// exit(), because an open connection or an unread terminal must not keep a finished command alive.
process.exit(await main(process.argv.slice(2), processTerminal()));
