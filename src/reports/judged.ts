import type { RunRecord } from '../record/record.ts';
import { bytes, count, duration, latency, percent, plural, ratio, tail } from './format.ts';
import { type Cell, cell, left, right, type Section } from './section.ts';
import { skewInWords } from './skew.ts';

/** Whether the census is right, by an independent instrument. */
export function canarySection(record: RunRecord): Section | null {
  const { canaries } = record;
  if (!canaries) return null;
  const width = (stats: typeof canaries.canaryWidth) =>
    `${latency(stats.p50, 0)} p50, ${latency(tail(stats).value, 0)} ${tail(stats).name}`;
  const { polls: asked, failedPolls } = canaries;
  const polls = failedPolls
    ? `; ${count(failedPolls)} of ${count(asked ?? 0)} polls without an answer`
    : '';
  return {
    id: 'canaries',
    title: 'Canaries',
    about:
      'Marked rows polled by key through the query engine. Their interval of first visibility must touch the census’s own; if not, the run is INVALID.',
    tables: [],
    notes: [
      cell(
        `${count(canaries.compared - canaries.disjoint)} of ${count(canaries.compared)} agree with the census; ${count(canaries.sent)} sent, ${count(canaries.seen)} seen, ${count(canaries.never)} never, ${count(canaries.failed)} not readable${polls}`,
        canaries.disjoint > 0 ? 'bad' : canaries.compared === 0 ? 'warn' : 'good',
      ),
      cell(
        `width of the intervals: canary ${width(canaries.canaryWidth)}; census ${width(canaries.censusWidth)}`,
        'dim',
      ),
    ],
  };
}

/** Messages scheduled, handed over, acknowledged and appended: equal if none was lost. */
export function producingSection(record: RunRecord): Section | null {
  const { producing } = record;
  if (!producing) return null;
  type Row = Omit<typeof producing.total, 'bytes'>;
  const numbers = (row: Row): readonly Cell[] =>
    [row.scheduled, row.handedOver, row.acknowledged, row.appended].map((n, i, all) =>
      n === null
        ? cell('not counted', 'warn')
        : cell(count(n), i > 0 && n !== all[0] ? 'warn' : 'plain'),
    );
  const phases = [...new Set(producing.byPhase.map(({ phase }) => phase))];
  const rows = phases.map((phase) => {
    const sum = { scheduled: 0, handedOver: 0, acknowledged: 0, appended: 0 };
    for (const row of producing.byPhase) {
      if (row.phase !== phase) continue;
      sum.scheduled += row.scheduled;
      sum.handedOver += row.handedOver;
      sum.acknowledged += row.acknowledged;
      sum.appended += row.appended;
    }
    return [cell(phase), ...numbers(sum)];
  });
  return {
    id: 'producing',
    title: 'Producing',
    about: `Messages by the phase they were due in, open loop: the tape does not wait for Kafka. The whole run also counts opening stock, drain markers and canaries: ${bytes(producing.total.bytes)} of values.`,
    tables: [
      {
        columns: [
          left('phase'),
          right('scheduled'),
          right('handed over'),
          right('acknowledged'),
          right('appended'),
        ],
        rows: [...rows, [cell('whole run', 'dim'), ...numbers(producing.total)]],
      },
    ],
    notes: skewInWords(record).map((text) => cell(text, 'warn')),
  };
}

/** Whether the harness, rather than the pipeline, determined the numbers. */
export function healthSection(record: RunRecord): Section | null {
  const { self } = record;
  if (!self) return null;
  const worst = self.slip
    .filter(({ n }) => n > 0)
    .toSorted((a, b) => (tail(b.stats).value ?? Infinity) - (tail(a.stats).value ?? Infinity))[0];
  const loop = self.eventLoop.toSorted((a, b) => b.p99Ms - a.p99Ms)[0];
  const behind = self.censusBehind.toSorted((a, b) => b.commits - a.commits)[0];
  const mostForeign = (self.foreign ?? []).toSorted((a, b) => b.share - a.share)[0];
  const late = self.slip
    .flatMap(({ phase, lateShare }) => (lateShare === undefined ? [] : [{ phase, lateShare }]))
    .toSorted((a, b) => b.lateShare - a.lateShare)[0];
  const seen = (share: number | undefined) => (share === undefined ? 'no data' : percent(share));
  const row = (name: string, value: string, limit: string) => [
    cell(name),
    cell(value),
    cell(limit, 'dim'),
  ];
  return {
    id: 'health',
    title: 'Health of the harness',
    about: 'Beyond these limits a run is INVALID: it would be the harness that shaped the numbers.',
    tables: [
      {
        columns: [left('what'), right('worst'), left('limit')],
        rows: [
          ...(worst
            ? [
                row(
                  `hand-over slip ${tail(worst.stats).name} (${worst.phase}, n ${count(worst.n)})`,
                  latency(tail(worst.stats).value, 0),
                  '50 ms, or 1 % of what a check requires',
                ),
              ]
            : []),
          ...(late
            ? [
                row(
                  `handed over later than due + 250 ms (${late.phase})`,
                  percent(late.lateShare),
                  '2 % of a phase',
                ),
              ]
            : []),
          ...(loop
            ? [
                row(
                  `event-loop delay p99 (${loop.thread})`,
                  duration(loop.p99Ms),
                  loop.thread === 'main'
                    ? '100 ms in the main thread'
                    : '50 ms in a producing thread',
                ),
              ]
            : []),
          ...(behind
            ? [
                row(
                  `census behind (end of ${behind.phase})`,
                  plural(behind.commits, 'commit'),
                  '2 commits',
                ),
              ]
            : []),
          row(
            'harness share of the machine',
            seen(self.harnessShare),
            '20 % while the machine is above 90 %',
          ),
          row('machine busy', seen(self.machineBusy), 'a warning when saturated'),
          ...(mostForeign
            ? [
                row(
                  `other programs (${mostForeign.phase})`,
                  percent(mostForeign.share),
                  '15 %, and 10 points between phases that a check compares',
                ),
              ]
            : []),
          row('steal', seen(self.stealMax), '5 %'),
          row('wall and monotonic clock apart', duration(self.clockApartMs), '20 ms'),
        ],
      },
    ],
    notes: self.slip.flatMap(({ phase, waited = 0 }) =>
      waited === 0
        ? []
        : [
            cell(
              `${plural(waited, 'message')} of ${phase} waited for a broker in a declared outage: that wait is in their slip and staleness, and not in the limits here`,
              'dim',
            ),
          ],
    ),
  };
}

/** Core-seconds and memory by server. */
export function costSection(record: RunRecord): Section | null {
  const { cost } = record;
  if (!cost) return null;
  const sum = cost.servers.reduce((total, { coreSeconds = 0 }) => total + coreSeconds, 0);
  const { s3, writeAmplification } = cost;
  return {
    id: 'cost',
    title: 'Cost',
    about:
      'Core-seconds and the largest resident memory of every process, the harness and its children included.',
    tables: [
      {
        columns: [left('server'), right('core-seconds'), right('memory, max')],
        rows: [
          ...cost.servers.map((row) => [
            cell(row.server),
            row.coreSeconds === undefined
              ? cell('no data', 'warn')
              : cell(`${row.coreSeconds.toFixed(1)} core-s`),
            row.rssMaxBytes === undefined ? cell('no data', 'warn') : cell(bytes(row.rssMaxBytes)),
          ]),
          [cell('sum', 'dim'), cell(`${sum.toFixed(1)} core-s`, 'dim'), cell('', 'dim')],
        ],
      },
    ],
    notes: [
      cost.machineCoreSeconds === undefined
        ? cell('the load of the machine is unknown', 'warn')
        : cell(
            `the machine was busy for ${cost.machineCoreSeconds.toFixed(1)} core-s in all, other programs included`,
            'dim',
          ),
      ...(s3
        ? [
            cell(
              `S3: ${plural(s3.requests, 'request')}, ${bytes(s3.bytesIn)} in, ${bytes(s3.bytesOut)} out`,
              'dim',
            ),
          ]
        : []),
      ...(writeAmplification
        ? [
            cell(
              `write amplification: ${ratio(writeAmplification.overKafka)} over ${bytes(writeAmplification.kafkaBytes)} of Kafka values, ${ratio(writeAmplification.overData)} over ${bytes(writeAmplification.dataFileBytes)} of first-written data files`,
              'dim',
            ),
          ]
        : []),
    ],
  };
}
