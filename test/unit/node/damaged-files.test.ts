import { describeDamage } from '../../support/damage-suite.ts';

describeDamage(40, 120_000);
