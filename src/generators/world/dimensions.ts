import type { Faker } from '@faker-js/faker';
// Not from the root, which loads every language: that takes longer than all other modules of a generator.
import { faker } from '@faker-js/faker/locale/en';
import { hash32 } from '../../core/random.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import { CATEGORIES, categoryOf } from './categories.ts';
import { homeOf, memberId, tierOf } from './members.ts';
import { worldOf } from './world.ts';

/**
 * Who and what the events speak of, as rows to join with. Each row is a function of (seed, number):
 * the names come from faker, seeded anew for every row, and dates hang on a fixed day, never on today.
 */
interface StoreRow {
  readonly store_id: number;
  readonly city: string;
  readonly state: string;
  /** Hours behind the retailer's own clock. */
  readonly hours_behind: number;
  readonly terminals: number;
  readonly size: number;
}

interface ProductRow {
  readonly sku_id: number;
  readonly name: string;
  readonly category: string;
  readonly price_cents: number;
}

interface MemberRow {
  readonly member_id: string;
  readonly home_store_id: number;
  readonly tier: string;
  readonly name: string;
  readonly email: string;
  readonly joined: string;
}

const REFERENCE_DAY = '2026-01-01T00:00:00.000Z';
const JOINED_WITHIN_YEARS = 8;

/** Gives faker seeded for a row, whose values are drawn before those of another one. */
function fakerOf(scenario: Scenario, table: string): (row: number) => Faker {
  faker.setDefaultRefDate(REFERENCE_DAY);
  return (row) => {
    faker.seed(hash32(scenario.seed, table, row));
    return faker;
  };
}

/** Every store, by number. */
export function* storeRows(scenario: Scenario): Generator<StoreRow> {
  const seeded = fakerOf(scenario, 'store');
  for (const { number, hoursBehind, terminals, size } of worldOf(scenario).stores) {
    const { location } = seeded(number);
    yield {
      store_id: number,
      city: location.city(),
      state: location.state({ abbreviated: true }),
      hours_behind: hoursBehind,
      terminals,
      size: Math.round(size * 1_000) / 1_000,
    };
  }
}

/** Every SKU, by number. */
export function* productRows(scenario: Scenario): Generator<ProductRow> {
  const { rankOfSku, prices } = worldOf(scenario);
  const seeded = fakerOf(scenario, 'product');
  const category = categoryNames(scenario);
  for (let sku = 1; sku <= scenario.retail.skus; sku++) {
    const { commerce } = seeded(sku);
    const rank = rankOfSku[sku] as number;
    yield {
      sku_id: sku,
      name: commerce.productName(),
      category: category(categoryOf(scenario.seed, rank)),
      price_cents: prices[rank] as number,
    };
  }
}

/** The name of a category, from 1: a department and the number. */
function categoryNames(scenario: Scenario): (category: number) => string {
  const seeded = fakerOf(scenario, 'category');
  const names = Array.from(
    { length: CATEGORIES },
    (_, i) => `${seeded(i + 1).commerce.department()} ${i + 1}`,
  );
  return (category) => names[category - 1] as string;
}

/** These members (by number, from 1); there may be millions, so the caller names them. */
export function* memberRows(scenario: Scenario, members: Iterable<number>): Generator<MemberRow> {
  const world = worldOf(scenario);
  const seeded = fakerOf(scenario, 'member');
  for (const member of members) {
    const { person, internet, date } = seeded(member);
    const [firstName, lastName] = [person.firstName(), person.lastName()];
    yield {
      member_id: memberId(member),
      home_store_id: homeOf(world, member),
      tier: tierOf(world, member).name,
      name: `${firstName} ${lastName}`,
      email: internet.exampleEmail({ firstName, lastName }).toLowerCase(),
      joined: date.past({ years: JOINED_WITHIN_YEARS }).toISOString().slice(0, 10),
    };
  }
}
