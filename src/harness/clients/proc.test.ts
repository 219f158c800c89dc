import { expect, test } from 'vitest';
import {
  machineShares,
  parseMachineStat,
  parseMemoryUsed,
  parseProcessStat,
  parseS3Counters,
} from './proc.ts';

test('a process whose name holds spaces and parentheses is parsed', () => {
  const text =
    '4242 (java (main) x) S 17 4242 4242 0 -1 4194304 5000 300 2 0 1234 66 50 7 20 0 61 0 ' +
    '123456 4200000000 25600 18446744073709551615 1 1 0 0 0 0 0 4096 81920 0 0 0 17 1 0 0 0 0 0';
  expect(parseProcessStat(text)).toEqual({
    pid: 4242,
    name: 'java (main) x',
    parent: 17,
    startTicks: 123456,
    ownS: 13,
    reapedS: 0.57,
    rssBytes: 25600 * 4096,
  });
});

test('the machine counts idle and waiting as idle, and stolen time in the total', () => {
  const text =
    'cpu  1000 100 500 8000 300 50 50 200 40 0\ncpu0 500 50 250 4000 150 25 25 100 20 0\n';
  expect(parseMachineStat(text)).toEqual({ totalS: 102, idleS: 83, stealS: 2, programsS: 16 });
});

test('a share of the machine needs fifty ticks: the only one of sixteen is not 6 %', () => {
  const stat = (ticks: number, idle: number, steal: number) =>
    parseMachineStat(`cpu  ${ticks - idle - steal} 0 0 ${idle} 0 0 0 ${steal} 0 0\n`);
  const before = stat(1_000, 500, 10);
  expect(machineShares(before, stat(1_016, 508, 11))).toBeNull();
  expect(machineShares(before, stat(1_049, 500, 13))).toBeNull();
  expect(machineShares(before, stat(1_050, 520, 11))).toEqual({
    busy: expect.closeTo(0.6),
    steal: expect.closeTo(0.02),
  });
  expect(machineShares(before, before)).toBeNull();
});

test('memory in use is what is not available', () => {
  const text = 'MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    600 kB\n';
  expect(parseMemoryUsed(text)).toBe(400 * 1024);
});

test('request counts come by API, bytes over all, and what is not S3 stays out', () => {
  const text = [
    '# HELP minio_api_requests_total Total number of requests',
    'minio_api_requests_total{name="GetObject",server="127.0.0.1:9000",type="s3"} 142',
    'minio_api_requests_total{name="PutObject",server="127.0.0.1:9000",type="s3"} 81',
    'minio_api_requests_total{name="ServerInfo",server="127.0.0.1:9000",type="admin"} 7',
    'minio_api_requests_traffic_received_bytes{server="127.0.0.1:9000",type="s3"} 297493',
    'minio_api_requests_traffic_sent_bytes{server="127.0.0.1:9000",type="s3"} 1.5e+06',
    '',
  ].join('\n');
  expect(parseS3Counters(text)).toEqual({
    requests: { GetObject: 142, PutObject: 81 },
    bytesIn: 297493,
    bytesOut: 1_500_000,
  });
});
