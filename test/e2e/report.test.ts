import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunRecord } from '../../src/record/record.ts';
import { renderHtml } from '../../src/reports/html.ts';
import { completedRecord } from '../support/completed.ts';

const record = completedRecord(fileURLToPath(new URL('../fixtures/black-friday', import.meta.url)));

/** A run with one phase, no query and one event never seen: what charts must survive. */
const bare: RunRecord = {
  ...record,
  ...{ metrics: [], storeAge: [], waterfall: [], changes: [], checks: [], compactions: [] },
  layout: { commits: [], marks: [], bucket: null },
  queries: { ...record.queries, results: [], trickle: [] },
  producing: {
    ...record.producing,
    byPhase: [],
    series: { startMs: 0, everyMs: 1000, scheduled: [], acknowledged: [] },
  },
  self: {
    ...record.self,
    series: { startMs: 0, everyMs: 1000, harness: [], machine: [], slipP99: [] },
  },
  verdict: 'NO_DATA',
  phases: record.phases.slice(0, 1),
  staleness: [
    {
      stream: 'pos',
      startMs: 0,
      everyMs: 1000,
      n: [1, 0, 1],
      never: [0, 0, 1],
      p50: [4, null, null],
      p99: [4, null, null],
      max: [4, null, null],
      age: [0, 0, 0],
    },
  ],
};

let dir: string;
let browser: Browser;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'doorbuster-report-'));
  const root = process.getuid?.() === 0;
  browser = await chromium.launch({
    executablePath: chromiumPath(root),
    // The sandbox refuses to run as root; the other flags keep the browser itself off the network.
    args: [
      ...(root ? ['--no-sandbox'] : []),
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
});

afterAll(async () => {
  await browser?.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Debian's Chromium: it is installed for root on Debian; other users get an error. */
function chromiumPath(root: boolean): string {
  const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
  const found = () => places.find((place) => existsSync(place));
  if (!found() && root && existsSync('/usr/bin/apt-get')) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    execFileSync('apt-get', ['update', '-qq'], { env, stdio: 'ignore' });
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'], {
      env,
      stdio: 'ignore',
    });
  }
  const place = found();
  if (!place) throw new Error('this test needs Chromium: sudo apt-get install -y chromium');
  return place;
}

interface Opened {
  readonly page: Page;
  /** Console messages of any kind, uncaught errors and refused loads. */
  readonly complaints: readonly string[];
  /** Every address that was asked for, the page's own left out. */
  readonly requests: readonly string[];
}

async function open(
  name: string,
  run: RunRecord,
  options: { readonly colorScheme: 'light' | 'dark'; readonly width: number },
): Promise<Opened> {
  const file = join(dir, name);
  writeFileSync(file, renderHtml(run));
  const address = pathToFileURL(file).href;
  const page = await browser.newPage({
    viewport: { width: options.width, height: 900 },
    colorScheme: options.colorScheme,
  });
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (request.url() !== address && !request.url().startsWith('data:')) {
      requests.push(request.url());
    }
  });
  await page.goto(address, { waitUntil: 'load' });
  // Asked again and again from outside: the page's own policy lets nothing be evaluated inside.
  await expect
    .poll(() => page.locator('.chart canvas').count(), { timeout: 10_000 })
    .toBe(await page.locator('.chart').count());
  return { page, complaints, requests };
}

interface Drawn {
  readonly id: string;
  readonly painted: number;
  readonly colors: number;
}

/** For each chart: how many pixels its canvas shows, in how many colours. Text, for it runs in the page. */
function drawnPixels(page: Page): Promise<readonly Drawn[]> {
  return page.evaluate(`(async () => {
    await new Promise((resolve) => requestAnimationFrame(resolve));
    return [...document.querySelectorAll('.chart canvas')].map((canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const colors = new Set();
      let painted = 0;
      for (let i = 0; i < data.length; i += 4) {
        if (data[i + 3] < 128) continue;
        painted += 1;
        colors.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
      }
      return { id: canvas.closest('.chart').id, painted, colors: colors.size };
    });
  })()`);
}

describe.each(['light', 'dark'] as const)('the report in a browser, %s', (colorScheme) => {
  test('opens without an error and without asking for anything, its charts drawn', async () => {
    const { page, complaints, requests } = await open(`${colorScheme}.html`, record, {
      colorScheme,
      width: 1280,
    });
    const charts = await drawnPixels(page);
    expect(charts.map(({ id }) => id)).toEqual([
      'chart-staleness-inventory',
      'chart-staleness-pos',
      'chart-staleness-wms',
      'chart-staleness-cart',
      'chart-staleness-loyalty',
      'chart-age',
      'chart-files-kind',
      'chart-files-table',
      'chart-trickle',
      'chart-producing',
      'chart-cpu',
      'chart-slip',
    ]);
    for (const chart of charts) {
      expect(chart.painted, `${chart.id} is blank`).toBeGreaterThan(1000);
      expect(chart.colors, `${chart.id} shows axes and nothing else`).toBeGreaterThan(20);
    }
    expect(await page.textContent('h1')).toBe(`PASS${record.headline.text}`);
    expect(await page.title()).toBe('PASS · black-friday · doorbuster');
    await page.screenshot({ path: join(dir, `${colorScheme}.png`), fullPage: true });
    expect(readFileSync(join(dir, `${colorScheme}.png`)).length).toBeGreaterThan(50_000);
    expect(complaints).toEqual([]);
    expect(requests).toEqual([]);
    await page.close();
  });
});

test('nothing is wider than a phone, and the charts follow the window', async () => {
  const { page, complaints } = await open('narrow.html', record, {
    colorScheme: 'light',
    width: 390,
  });
  const over = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
  expect(over).toBeLessThanOrEqual(0);
  await page.setViewportSize({ width: 1000, height: 800 });
  await expect
    .poll(async () => (await page.locator('#chart-age canvas').boundingBox())?.width, {
      timeout: 10_000,
    })
    .toBeGreaterThan(700);
  expect(complaints).toEqual([]);
  await page.close();
});

test('behind every chart there is a table with its numbers, made when it is opened', async () => {
  const { page } = await open('table.html', record, { colorScheme: 'light', width: 1280 });
  const rows: readonly (readonly string[])[] = await page.evaluate(`(async () => {
    const details = document.querySelector('details[data-chart="staleness-pos"]');
    details.open = true;
    await new Promise((resolve) => details.addEventListener('toggle', resolve, { once: true }));
    return [...details.querySelectorAll('tr')].map((row) =>
      [...row.children].map((cell) => cell.textContent),
    );
  })()`);
  const pos = record.staleness.find(({ stream }) => stream === 'pos')!;
  expect(rows).toHaveLength(pos.n.length + 1);
  expect(rows[0]).toEqual(['time, m:ss since t0', 'max', 'p99', 'p50']);
  expect(rows[21]?.[0]).toBe('0:20');
  expect(Number.parseFloat(rows[21]?.[3] ?? '')).toBeCloseTo((pos.p50[20] as number) / 1000, 2);
  await page.close();
});

test('a chart answers the pointer with its values, and prints in the light', async () => {
  const { page, complaints } = await open('hover.html', record, {
    colorScheme: 'dark',
    width: 1280,
  });
  await page.locator('#chart-staleness-inventory .u-over').hover();
  expect(await page.textContent('#chart-staleness-inventory .tip')).toMatch(
    /before.*max.*p99.*p50/,
  );
  expect((await page.pdf({ format: 'A4' })).length).toBeGreaterThan(50_000);
  expect(complaints).toEqual([]);
  await page.close();
});

test('a run with next to nothing in it still opens', async () => {
  const { page, complaints, requests } = await open('bare.html', bare, {
    colorScheme: 'light',
    width: 1280,
  });
  expect(await page.textContent('.verdict')).toBe('NO DATA');
  const [chart] = await drawnPixels(page);
  expect(chart?.id).toBe('chart-staleness-pos');
  expect(chart?.painted).toBeGreaterThan(500);
  expect(complaints).toEqual([]);
  expect(requests).toEqual([]);
  await page.close();
});
