// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders stay in the generated text
import { describe, expect, test } from 'vitest';
import { STREAMS } from '../scenario/scenario.ts';
import { CREATE_FUNCTION, decoderOn, decodeSql } from './decode-sql.ts';
import { submissionsOf } from './submissions.ts';

const of = (text: string, tables = '') => ({
  jobs: { path: 'mine/jobs.sql', text },
  tables: { text: tables },
  deadLetter: 'refused',
});
/** The names of what is generated and the lines of what is not, in order. */
const order = (text: string) =>
  submissionsOf(of(text), 'sql')
    .slice(3)
    .map(({ source }) => source.replace('mine/jobs.sql:', '').replace(' (generated)', ''));

const WMS = `SET 'pipeline.name' = 'wms';
INSERT INTO t SELECT * FROM wms_accepted;`;

describe('a job of one INSERT', () => {
  const submissions = submissionsOf(of(`SET 'a' = 'b';\n${WMS}`), 'sql');

  test('gets the decoding that it reads, once, before it', () => {
    expect(order(`${WMS}\nSET 'x' = 'y';`)).toEqual([
      '1',
      'wms_raw',
      'wms_fields',
      'wms_judged',
      'wms_accepted',
      '2',
      '3',
    ]);
    for (const part of ['raw', 'fields', 'judged', 'accepted'] as const) {
      expect(submissions.map(({ text }) => text)).toContain(decodeSql('wms', part, 'sql'));
    }
  });

  test('is one statement set with its dead letters, named by the line of the INSERT', () => {
    expect(submissions.at(-1)).toEqual({
      job: 'wms',
      generated: false,
      source: 'mine/jobs.sql:3',
      text: `EXECUTE STATEMENT SET BEGIN
INSERT INTO ice.\${namespace}.refused
SELECT 'wms', part, kafka_offset, rejection, payload, kafka_ms, flink_ms
FROM wms_judged WHERE rejection IS NOT NULL;

INSERT INTO t SELECT * FROM wms_accepted;
END`,
    });
  });

  test('has a name that differs between the runs of a cluster', () => {
    expect(submissions.map(({ text }) => text)).toContain(
      `SET 'pipeline.name' = '\${topic_prefix}wms'`,
    );
  });

  test('is left out with all that only it reads, when its stream is', () => {
    expect(submissionsOf(of(WMS), 'sql', ['pos']).map(({ source }) => source)).toEqual([
      ...Array(3).fill('a setting (generated)'),
      'mine/jobs.sql:1',
    ]);
  });
});

describe('where the function decodes', () => {
  const LOYALTY = `SET 'pipeline.name' = 'loyalty';\nINSERT INTO t SELECT * FROM loyalty_accepted;`;
  const made = (text: string) =>
    submissionsOf(of(text), 'function').filter((one) => /read_record|JSON_VALUE/.test(one.text));

  test('it is made known once, before the first view that calls it', () => {
    expect(made(`${WMS}\n${LOYALTY}`).map(({ source }) => source)).toEqual([
      'read_record (generated)',
      'wms_fields (generated)',
      'loyalty_fields (generated)',
    ]);
    expect(made(WMS)[0]?.text).toBe(CREATE_FUNCTION);
  });

  test('a stream whose fields are read as text, or replaced, is decoded in SQL, and no other', () => {
    const reads = WMS.replace('wms_accepted', 'wms_accepted JOIN wms_fields ON TRUE');
    const replaces = `CREATE TEMPORARY VIEW wms_fields AS SELECT 1;\n${WMS}`;
    for (const text of [reads, replaces]) {
      expect(made(text).some(({ text: sql }) => sql.includes('read_record'))).toBe(false);
      const both = submissionsOf(of(`${text}\n${LOYALTY}`), 'function');
      const judged = (stream: 'wms' | 'loyalty') =>
        both.find(({ source }) => source === `${stream}_judged (generated)`)?.text;
      expect(judged('wms')).toBe(decodeSql('wms', 'judged', 'sql'));
      expect(judged('loyalty')).toBe(decodeSql('loyalty', 'judged', 'function'));
    }
  });

  test.each([
    ['processes', 'function'],
    ['containers', 'function'],
    ['external', 'sql'],
  ])('on %s it is %s', (runtime, decoder) => {
    expect(decoderOn(runtime)).toBe(decoder);
  });
});

test('several INSERTs of a job are submitted together where the last of them stands', () => {
  const text = `${WMS}\nCREATE TEMPORARY VIEW v AS SELECT 1;\nINSERT INTO u SELECT * FROM v;\nSET 'late' = '1';`;
  const submissions = submissionsOf(of(text), 'sql');
  expect(order(text).slice(-3)).toEqual(['3', '2', '5']);
  expect(submissions.at(-2)?.text.match(/^INSERT INTO (\S+)/gm)).toEqual([
    'INSERT INTO ice.${namespace}.refused',
    'INSERT INTO t',
    'INSERT INTO u',
  ]);
  expect(submissions.filter(({ job }) => job !== null)).toHaveLength(1);
});

test('a whole EXECUTE STATEMENT SET is submitted as it stands, with what it reads and no more', () => {
  const text = `SET 'pipeline.name' = 'pos';
EXECUTE STATEMENT SET BEGIN
INSERT INTO t SELECT payload FROM pos_raw;
END;`;
  expect(order(text)).toEqual(['1', 'pos_raw', '2']);
  expect(submissionsOf(of(text), 'sql').at(-1)?.text).not.toContain('refused');
});

describe('a table or view of a generated name', () => {
  const OWN = 'CREATE TEMPORARY VIEW wms_raw AS SELECT * FROM other;';

  test('replaces the generated one', () => {
    expect(order(`${OWN}\n${WMS}`)).toEqual([
      '1',
      '2',
      'wms_fields',
      'wms_judged',
      'wms_accepted',
      '3',
    ]);
  });

  test('after its first reader is an error that says what to move', () => {
    const early = `${WMS}\n${OWN}`;
    expect(() => submissionsOf(of(early), 'sql')).toThrow(
      'mine/jobs.sql:2: it reads wms_raw, which line 3 creates',
    );
  });
});

describe('a name that is not there', () => {
  test.each([
    ['FROM wms_acepted', 'did you mean "wms_accepted"?'],
    ['FROM wms', expect.stringContaining('known here: pos_raw, pos_fields')],
    ['FROM x\nJOIN wms_acc_judged o ON TRUE', 'did you mean "wms_judged"?'],
  ])('%s', (from, hint) => {
    const text = `SET 'pipeline.name' = 'wms';\nINSERT INTO t SELECT 1\n${from};`;
    const line = 2 + from.split('\n').length;
    const name = /wms\w*/.exec(from)?.[0];
    const fails = () => submissionsOf(of(text), 'sql');
    expect(fails).toThrow(`mine/jobs.sql:${line}: there is no ${name}`);
    expect(fails).toThrow(expect.objectContaining({ exitCode: 2, hint }));
  });

  test.each([
    [
      'created above',
      `CREATE TEMPORARY VIEW pos_known AS SELECT 1;\nINSERT INTO t SELECT * FROM pos_known`,
    ],
    [
      'a common table expression',
      `INSERT INTO t WITH pos_mine AS (SELECT 1) SELECT * FROM pos_mine`,
    ],
    ['in a catalog', 'INSERT INTO t SELECT * FROM pos.pos.pos'],
    ['a function', 'INSERT INTO t SELECT * FROM pos_function(1)'],
    [
      'part of an expression',
      'INSERT INTO t SELECT EXTRACT(EPOCH FROM pos_ts), TRIM(BOTH x FROM pos_y) FROM z',
    ],
    ['compared', 'INSERT INTO t SELECT 1 FROM z WHERE a IS NOT DISTINCT FROM pos_code'],
    ['in a comment or a text', `INSERT INTO t SELECT 'FROM pos_x' -- FROM pos_y\n FROM z`],
    ['of a catalog in use', 'USE CATALOG ice;\nINSERT INTO t SELECT * FROM pos'],
  ])('is not seen where it is %s', (_, text) => {
    expect(submissionsOf(of(`SET 'pipeline.name' = 'pos';\n${text};`), 'sql').at(-1)?.job).toBe(
      'pos',
    );
  });

  test('is not seen where tables.sql creates it', () => {
    const tables = 'CREATE TEMPORARY TABLE pos_lookup (i INT) WITH ();';
    const text = `SET 'pipeline.name' = 'pos';\nINSERT INTO t SELECT * FROM pos_lookup;`;
    expect(submissionsOf(of(text, tables), 'sql')).toHaveLength(8);
  });
});

describe('a job', () => {
  test.each([
    ['INSERT INTO t SELECT 1;', ':1: a job that is named nothing'],
    [`SET 'pipeline.name' = 'shop';\nINSERT INTO t SELECT 1;`, ':2: a job that is named shop'],
    [`${WMS}\nEXECUTE STATEMENT SET BEGIN INSERT INTO t SELECT 1; END;`, ':3: a second job of wms'],
  ])('%s', (text, message) => {
    expect(() => submissionsOf(of(text), 'sql')).toThrow(`mine/jobs.sql${message}`);
    expect(() => submissionsOf(of(text), 'sql')).toThrow(expect.objectContaining({ exitCode: 2 }));
  });

  test('of each stream reads its own topic', () => {
    const text = STREAMS.map(
      (stream) =>
        `SET 'pipeline.name' = '${stream}';\nINSERT INTO t SELECT 1 FROM ${stream}_accepted;`,
    ).join('\n');
    const submissions = submissionsOf(of(text), 'sql');
    expect(submissions.flatMap(({ job }) => job ?? [])).toEqual([...STREAMS]);
    expect(submissions.filter(({ text: sql }) => /'topic' =/.test(sql))).toHaveLength(5);
  });
});
