import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isoTime, type ReadTime, strptime } from './strptime.ts';

const utc = (text: string) => Date.parse(text);
const reader = (format: string): ReadTime => {
  const read = strptime(format);
  if (typeof read === 'string') throw new Error(read);
  return read;
};

test.each([
  ['2025-03-03T09:00:00', '2025-03-03T09:00:00Z'],
  ['2025-03-03T09:00:00Z', '2025-03-03T09:00:00Z'],
  ['2025-03-03T09:00:00+01:00', '2025-03-03T08:00:00Z'],
  ['2025-03-03 09:00:00 -0500', '2025-03-03T14:00:00Z'],
  ['2025-03-03 09:00:00 UTC', '2025-03-03T09:00:00Z'],
  ['2025/03/03 09:00', '2025-03-03T09:00:00Z'],
  ['2025-03-03 09:00:00.123456+00', '2025-03-03T09:00:00.123Z'],
  ['2024-02-29', '2024-02-29T00:00:00Z'],
])('ISO 8601: %s', (text, instant) => {
  expect(isoTime(text)).toBe(utc(instant));
});

test.each([
  ...[
    'infinity',
    '-infinity',
    'epoch',
    'now',
    'today',
    '',
    '03-04-2025',
    '12/1/10 8:26',
    '2025-3-3',
    '12:00',
  ],
  ...[
    '2025-02-29',
    '2025-13-01',
    '2025-04-31',
    '2025-03-03 24:00',
    '2025-03-03 09:60',
    '0025-03-03',
    '2025-03/03',
  ],
  ...[
    '2025-03-03 09:00:00 America/New_York',
    '2025-03-03T09:00:00+15:00',
    '20250303',
    '2025-03-03 09',
    ' 2025-03-03',
  ],
])('no time: "%s"', (text) => {
  expect(isoTime(text)).toBeNaN();
});

test.each([
  ['%m/%d/%Y %H:%M', '12/1/2010 8:26', '2010-12-01T08:26:00Z'],
  ['%d/%m/%y %H:%M', '01/12/10 08:26', '2010-12-01T08:26:00Z'],
  ['%m/%d/%Y %I:%M:%S %p', '3/3/2025 12:05:09 AM', '2025-03-03T00:05:09Z'],
  ['%m/%d/%Y %I:%M %p', '3/3/2025 12:05 pm', '2025-03-03T12:05:00Z'],
  ['%Y-%m-%d %H%M', '2025-03-03 1631', '2025-03-03T16:31:00Z'],
  ['%Y-%m-%d %H%M', '2025-03-03 115', '2025-03-03T01:15:00Z'],
  ['%Y-%m-%d %H%M', '2025-03-03 5', '2025-03-03T00:05:00Z'],
  ['%Y%m%d%H%M%S', '20250303090807', '2025-03-03T09:08:07Z'],
  ['%d %b %Y, %H:%M %z', '3 Mar 2025, 09:00 +0100', '2025-03-03T08:00:00Z'],
  ['%s', '1740992400', '2025-03-03T09:00:00Z'],
])('%s reads %s', (format, text, instant) => {
  expect(reader(format)(text)).toBe(utc(instant));
});

test.each([
  ['%m/%d/%Y %H:%M', '13/1/2010 8:26'],
  ['%m/%d/%Y %H:%M', '12/1/10 8:26'],
  ['%m/%d/%Y %H:%M', '2/30/2010 8:26'],
  ['%m/%d/%Y %I:%M %p', '3/3/2025 13:05 PM'],
  ['%d %b %Y', '3 Mai 2025'],
  ['%m.%d.%Y', '12/1/2010'],
])('%s does not read %s', (format, text) => {
  expect(reader(format)(text)).toBeNaN();
});

test.each([
  ['%H:%M', 'needs a year, a month and a day'],
  ['%Y-%m-%d %I:%M', 'needs both %I and %p'],
  ['%Y-%m-%d %Y', 'has a directive twice'],
  ['%Y-%m-%d %Q', 'has %Q: it can have %Y'],
  ['%Y-%m-%d %', 'has %: it can have %Y'],
])('no format: %s', (format, fault) => {
  expect(strptime(format)).toContain(fault);
});

test('what a format wrote, it reads', () => {
  const pad = (value: number) => String(value).padStart(2, '0');
  fc.assert(
    fc.property(
      fc.date({ min: new Date('1970-01-01'), max: new Date('2068-12-31'), noInvalidDate: true }),
      (date) => {
        const ms = Math.floor(date.getTime() / 1_000) * 1_000;
        const [day, time] = new Date(ms).toISOString().slice(0, 19).split('T') as [string, string];
        const [year, month, dom] = day.split('-') as [string, string, string];
        expect(isoTime(`${day} ${time}`)).toBe(ms);
        expect(
          reader('%d.%m.%y %H:%M:%S')(`${Number(dom)}.${Number(month)}.${year.slice(2)} ${time}`),
        ).toBe(ms);
        expect(reader('%s')(String(ms / 1_000))).toBe(ms);
        expect(pad(Number(month))).toBe(month);
      },
    ),
  );
});
