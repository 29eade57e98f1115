import { describeDamage } from '../../support/damage-suite.ts';

describeDamage(Number(process.env.BIZRA_DAMAGE_POSITIONS ?? 1_000), 3_600_000);
