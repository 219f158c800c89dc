import type { FaultRecord, RunRecord } from '../record/record.ts';
import { count, duration, latency, moment, ratio } from './format.ts';
import { type Cell, cell, left, right, type Section } from './section.ts';

const DONE: Readonly<Record<FaultRecord['act'], string>> = {
  pause: 'paused',
  kill: 'killed',
  restart: 'restarted',
};

/** Declared server faults: duration of each outage, and recovery. */
export function faultSection(record: RunRecord): Section | null {
  const faults = record.faults ?? [];
  if (faults.length === 0) return null;
  return {
    id: 'faults',
    title: 'Faults',
    about: `Injected server outages. Recovered: from when the server answered again to the last moment at which the oldest change that no query could see was older than the target (${duration(faults[0]?.targetMs ?? 0)}); stale for: to the same moment from the fault on; area: of the age above the target over that time.`,
    tables: [
      {
        columns: [
          left('what'),
          right('at'),
          right('back after'),
          right('oldest age'),
          right('recovered'),
          right('stale for'),
          right('area'),
        ],
        rows: faults.flatMap((fault) => [faultRow(fault), ...streamRows(fault)]),
      },
    ],
    notes: faults.flatMap(notesOf),
  };
}

function faultRow(fault: FaultRecord): readonly Cell[] {
  const { act, server, startMs, backMs, streams } = fault;
  return [
    cell(`${server} ${DONE[act]}`),
    cell(moment(startMs)),
    cell(backMs === null ? 'never' : duration(backMs - startMs), backMs === null ? 'bad' : 'plain'),
    // Without a pending change there is no age.
    streams.length === 0
      ? cell('–', 'dim')
      : cell(duration(Math.max(...streams.map(({ ageMaxMs }) => ageMaxMs)))),
    ...recovered(fault),
  ];
}

function streamRows({ streams }: FaultRecord): readonly (readonly Cell[])[] {
  return streams.map((one) => [
    cell(`  ${one.stream}`, 'dim'),
    cell(''),
    cell(''),
    cell(duration(one.ageMaxMs), 'dim'),
    ...recovered(one).map(({ text, tone }) => cell(text, tone === 'plain' ? 'dim' : tone)),
  ]);
}

/** If age was still above the target when the watch ended, recovery has no observed end. */
function recovered({
  recoveryMs,
  staleForMs,
  areaAboveTarget,
}: Pick<FaultRecord, 'recoveryMs' | 'staleForMs' | 'areaAboveTarget'>): readonly Cell[] {
  if (recoveryMs === undefined) return ['no data', '', ''].map((text) => cell(text, 'warn'));
  const open = recoveryMs === null;
  const tone = open ? 'bad' : 'plain';
  return [
    cell(open ? 'not seen' : latency(recoveryMs, 0), tone),
    cell(latency(staleForMs, 0), tone),
    cell(`${open ? '≥' : ''}${area(areaAboveTarget ?? 0)} s·s`, tone),
  ];
}

function area(value: number): string {
  return value === 0 ? '0' : ratio(value);
}

function notesOf(fault: FaultRecord): readonly Cell[] {
  const { server, startMs, intendedMs, recoveryMs, watchedToMs, backMs, aboveBefore } = fault;
  const at = `${server} at ${moment(startMs)}`;
  return [
    ...(aboveBefore
      ? [cell(`${at}: age was above the target before, so not all of this is the fault’s`, 'warn')]
      : []),
    ...(startMs - intendedMs > 1_000
      ? [cell(`${at}: began ${duration(startMs - intendedMs)} late`, 'warn')]
      : []),
    ...(recoveryMs === null && backMs !== null
      ? [
          cell(
            `${at}: not recovered within the ${count(Math.round((watchedToMs - backMs) / 1000))} s it was watched for`,
            'bad',
          ),
        ]
      : []),
  ];
}
